"""Slurm jobs: query and cancel them with Slurm's own commands, with or without slurmdbd.

`submitter.py` submits them, and has the options of sbatch.
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sedd.errors import JobError
from sedd.launch.record import JobState

QUEUED_STATES = {
    *("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"),
    *("SPECIAL_EXIT", "PREEMPTED"),
}
RUNNING_STATES = {
    *("RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"),
}
UNREACHABLE_MESSAGES = (
    *("Unable to contact slurm controller", "Socket timed out", "Connection refused"),
    *("Zero Bytes were transmitted", "no answer in", "temporarily unable"),
)
ENDED_MESSAGES = ("Invalid job id", "already completing or completed")
DENIED_MESSAGES = ("Access/permission denied",)
TIMEOUT_SECONDS = 60


def slurm_states(job_ids: Sequence[str]) -> dict[str, JobState]:
    """State of each job. A job that squeue no longer lists has ended; sacct may know how."""
    if not job_ids:
        return {}
    command = ["squeue", "--noheader", "--states=all", "--format=%i|%T|%r"]
    try:
        result = _run(*command, f"--jobs={','.join(job_ids)}")
    except JobError as error:
        return dict.fromkeys(job_ids, JobState("unknown", str(error)))
    # squeue fails if the only id is unknown; of several ids it lists those that it knows
    if result.returncode != 0 and "Invalid job id" not in result.stderr:
        return dict.fromkeys(job_ids, JobState("unknown", error_text(result.stderr)))
    states: dict[str, JobState] = {}
    for line in result.stdout.splitlines():
        job_id, state, reason = line.strip().split("|", 2)
        states[job_id] = _job_state(state, reason)
    return {
        job_id: states.get(job_id) or JobState("ended", _exit_state(job_id)) for job_id in job_ids
    }


def _job_state(state: str, reason: str) -> JobState:
    if state in QUEUED_STATES:
        return JobState("queued", f"{state}: {reason}" if reason not in ("", "None") else state)
    return JobState("running" if state in RUNNING_STATES else "ended", state)


def _exit_state(job_id: str) -> str:
    """Final state of an ended job from Slurm's accounting; empty if there is no accounting."""
    if shutil.which("sacct") is None:
        return ""
    try:
        result = _run("sacct", "-X", "-n", "-P", "-o", "State", "-j", job_id)
    except JobError:
        return ""
    states = result.stdout.split()
    return states[0] if result.returncode == 0 and states else ""


def was_preempted(job_id: str) -> bool | None:
    """Whether Slurm preempted a job; None if it does not say so, e.g. of a job long ended."""
    try:
        result = _run("scontrol", "show", "job", "--oneliner", job_id)
    except JobError:
        return None
    time = re.search(r"\bPreemptTime=(\S)", result.stdout)  # a time, or None
    return time[1].isdecimal() if time else None


def scancel(job_id: str, *, has_ended: bool = False) -> None:
    """Cancel a job; do nothing if it has ended. Raises JobError with Slurm's message.

    has_ended: the job may belong to another account, which alone could start it again.
    """
    result = _run("scancel", job_id)
    harmless = (*ENDED_MESSAGES, *(DENIED_MESSAGES if has_ended else ()))
    if result.returncode != 0 and not any(text in result.stderr for text in harmless):
        raise JobError(f"scancel {job_id}: {error_text(result.stderr)}")


def job_name(run: str) -> str:
    return f"sedd-{run}"


def plain(text: str) -> str:
    """The text with `_` for whatever shells, sbatch and squeue may read in another way."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def job_comment(rule: str, **words: str) -> str:
    """Comment of a job: the project's folder, the rule, and what the job works on."""
    words = {"project": Path.cwd().name, "rule": rule, **words}
    return " ".join(f"{key}={plain(value)}" for key, value in words.items())


def cancel_unrecorded_jobs(run: str) -> None:
    """Cancel jobs of the run that have no record, e.g. because sbatch's reply was lost.

    Raises JobError if Slurm refuses.
    """
    result = _run(
        *("squeue", "--noheader", f"--user={getpass.getuser()}", f"--name={job_name(run)}"),
        "--format=%i|%Z",
    )
    if result.returncode != 0:
        raise JobError(f"squeue: {error_text(result.stderr)}")
    for line in result.stdout.splitlines():
        job_id, folder = line.strip().split("|", 1)
        if folder == str(Path.cwd()):  # another project may have a run with the same name
            scancel(job_id)


def why_away() -> str | None:
    """Why Slurm does not answer, or None if it does."""
    try:
        result = _run("squeue", "--noheader", "--jobs=1")
    except JobError as error:
        return str(error)
    return error_text(result.stderr) if is_unreachable(result.stderr) else None


def is_unreachable(message: str) -> bool:
    """Whether a message means that Slurm did not answer, e.g. while its controller restarts."""
    return any(text in message for text in UNREACHABLE_MESSAGES)


def error_text(stderr: str) -> str:
    """Error messages of a Slurm command on one line, each once, without the command's name."""
    lines = [line.split("error: ", 1)[-1].strip() for line in stderr.splitlines()]
    return "; ".join(dict.fromkeys(filter(None, lines))) or "no reason given"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise JobError(
            f"{command[0]}: command not found; run this on a machine of the cluster"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise JobError(f"{command[0]}: no answer in {TIMEOUT_SECONDS} seconds") from error
