"""Stopping a run's job, and saying honestly what became of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from sedd.errors import JobError
from sedd.launch.processes import is_trainer, job_processes, signal_processes
from sedd.launch.record import JobRecord, job_lock, mark_cancelled, newest_state, read_record
from sedd.launch.slurm import scancel
from sedd.launch.states import job_state
from sedd.paths import jobs_dir

SECONDS_TO_SAVE = 60
"""a local job gets to end by itself; then it is killed"""
SECONDS_FOR_SLURM = 180

Say = Callable[[str], None]


def cancel(run: str, say: Say) -> None:
    """Stop the run's job, and return when it is gone.

    Raises JobError if there is none, if it cannot be reached from here, or if it will not go.
    """
    if not jobs_dir(run).is_dir() or (record := read_record(run)) is None:
        raise JobError(f"{run}: no job was sent for it; all runs: sedd status")
    with job_lock(run):
        record = read_record(run) or record
        state = job_state(record)
        if state.phase == "ended":
            say(f"{run}: job {record.job_id} had ended before; {kept(record)}")
            return
        if state.phase == "unknown":
            raise JobError(f"{run}: job {record.job_id} cannot be reached: {state.detail}")
        mark_cancelled(record)  # first, so that no one who waits sends it again
    if record.executor == "slurm":
        scancel(record.job_id)
        wait_for_slurm(record)
    else:
        stop_processes(run, say)
    say(f"{run}: job {record.job_id} is gone; {kept(record)}")


def kept(record: JobRecord) -> str:
    """What is left of the run, and how to go on."""
    step = newest_state(record.run)
    have = f"its newest state is of step {step}" if step else "it had saved no state yet"
    return (
        f"{have}, and nothing was removed. "
        f"Go on with: sedd train {record.run} --cluster {record.cluster}"
    )


def wait_for_slurm(record: JobRecord) -> None:
    deadline = time.monotonic() + SECONDS_FOR_SLURM
    while (state := job_state(record)).is_live:
        if time.monotonic() > deadline:
            raise JobError(
                f"{record.run}: job {record.job_id} was told to end {SECONDS_FOR_SLURM} seconds ago and is still "
                f"{state.phase} ({state.detail}); look with: squeue --jobs {record.job_id}"
            )
        time.sleep(1)


def stop_processes(run: str, say: Say) -> None:
    """Tell each training process once to save and end; a second SIGTERM would end it without saving."""
    told: set[int] = set()
    deadline = time.monotonic() + SECONDS_TO_SAVE
    while there := job_processes(run):
        if time.monotonic() > deadline:
            say(f"{run}: still there after {SECONDS_TO_SAVE} seconds: killed, without saving")
            signal_processes(there, signal.SIGKILL)
            deadline = time.monotonic() + SECONDS_TO_SAVE
        new = [process for process in there if is_trainer(process) and process.pid not in told]
        signal_processes(new, signal.SIGTERM)
        told |= {process.pid for process in new}
        time.sleep(0.1)
