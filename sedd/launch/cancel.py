"""Cancel a run's job and report the outcome."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from sedd.errors import JobError
from sedd.launch.local import is_trainer, job_processes, signal_processes
from sedd.launch.record import JobRecord, job_lock, mark_cancelled, newest_saved_step, read_record
from sedd.launch.slurm_commands import scancel
from sedd.launch.status import job_state
from sedd.paths import jobs_dir

LOCAL_TIMEOUT_SECONDS = 60
"""time for a local job to save its state before it is killed"""
SLURM_TIMEOUT_SECONDS = 180

Print = Callable[[str], None]


def cancel(run: str, print_line: Print) -> None:
    """Cancel the run's job and return after it has ended.

    Raises JobError if the run has no job, if the job cannot be reached from this machine, if it
    belongs to another account, or if it does not end in time. A job that was not cancelled is not
    recorded as cancelled.
    """
    if not jobs_dir(run).is_dir() or (record := read_record(run)) is None:
        raise JobError(f"{run}: no job was submitted for this run; list all runs with: sedd status")
    with job_lock(run):
        record = read_record(run) or record
        state = job_state(record)
        if state.phase == "ended":
            print_line(f"{run}: job {record.job_id} had already ended; {resume_hint(record)}")
            return
        if state.phase == "unknown":
            raise JobError(
                f"{run}: job {record.job_id} cannot be reached and was not cancelled: {state.detail}; try again later"
            )
        # marked before the lock is released, so that no waiter submits the job again
        if record.executor == "slurm":
            scancel(record.job_id)
            mark_cancelled(record)
        else:
            check_ours(run, record)
            mark_cancelled(record)
    if record.executor == "slurm":
        wait_for_slurm(record)
    else:
        stop_processes(run, print_line)
    print_line(f"{run}: job {record.job_id} has been cancelled; {resume_hint(record)}")


def resume_hint(record: JobRecord) -> str:
    """The newest saved state, and the command that resumes the training."""
    step = newest_saved_step(record.run)
    saved = f"its newest saved state is step {step}" if step else "it had not saved a state yet"
    return (
        f"{saved}, and no file was removed. "
        f"Resume with: sedd train {record.run} --cluster {record.cluster}"
    )


def check_ours(run: str, record: JobRecord) -> None:
    """Raise JobError if this account may not signal the processes of a local job."""
    try:
        for process in job_processes(run):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, 0)
    except PermissionError:
        raise JobError(
            f"{run}: job {record.job_id} belongs to another account and was not cancelled; "
            "ask its owner"
        ) from None


def wait_for_slurm(record: JobRecord) -> None:
    deadline = time.monotonic() + SLURM_TIMEOUT_SECONDS
    while (state := job_state(record)).is_live:
        if time.monotonic() > deadline:
            raise JobError(
                f"{record.run}: job {record.job_id} was cancelled {SLURM_TIMEOUT_SECONDS} seconds "
                f"ago but is still {state.phase} ({state.detail}); "
                f"check it with: squeue --jobs {record.job_id}"
            )
        time.sleep(1)


def stop_processes(run: str, print_line: Print) -> None:
    """Send each training process one SIGTERM, so that it saves and exits.

    A second SIGTERM would end it without saving.
    """
    signaled: set[int] = set()
    deadline = time.monotonic() + LOCAL_TIMEOUT_SECONDS
    while processes := job_processes(run):
        if time.monotonic() > deadline:
            print_line(
                f"{run}: still running after {LOCAL_TIMEOUT_SECONDS} seconds; killed without saving"
            )
            signal_processes(processes, signal.SIGKILL)
            deadline = time.monotonic() + LOCAL_TIMEOUT_SECONDS
        new = [one for one in processes if is_trainer(one) and one.pid not in signaled]
        signal_processes(new, signal.SIGTERM)
        signaled |= {process.pid for process in new}
        time.sleep(0.1)
