"""Slurm by its own commands: what a job is doing, and stopping it. Works with and without slurmdbd."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sedd.errors import JobError

Phase = Literal["queued", "running", "ended", "unknown"]

QUEUED = {
    *("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"),
    *("SPECIAL_EXIT", "PREEMPTED"),
}
RUNNING = {
    *("RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED"),
}
OUT_OF_REACH = (
    *("Unable to contact slurm controller", "Socket timed out", "Connection refused"),
    *("Zero Bytes were transmitted", "no answer in", "temporarily unable"),
)
GONE = ("Invalid job id", "already completing or completed")
SECONDS_TO_ANSWER = 60


@dataclass(frozen=True)
class JobState:
    """What a job is doing, and more about it in the scheduler's words."""

    phase: Phase
    detail: str = ""

    @property
    def is_live(self) -> bool:
        """Whether the job may still write; one of which nothing is known may."""
        return self.phase != "ended"


def slurm_states(job_ids: Sequence[str]) -> dict[str, JobState]:
    """The state of each job. A job that squeue knows no more has ended; sacct may say how."""
    if not job_ids:
        return {}
    command = ["squeue", "--noheader", "--states=all", "--format=%i|%T|%r"]
    try:
        answer = _run(*command, f"--jobs={','.join(job_ids)}")
    except JobError as error:
        return dict.fromkeys(job_ids, JobState("unknown", str(error)))
    # one unknown number alone is an error, of several the others are listed
    if answer.returncode != 0 and "Invalid job id" not in answer.stderr:
        return dict.fromkeys(job_ids, JobState("unknown", words(answer.stderr)))
    found: dict[str, JobState] = {}
    for line in answer.stdout.splitlines():
        job_id, state, reason = line.strip().split("|", 2)
        found[job_id] = _state(state, reason)
    return {job_id: found.get(job_id) or JobState("ended", _how(job_id)) for job_id in job_ids}


def _state(state: str, reason: str) -> JobState:
    if state in QUEUED:
        return JobState("queued", f"{state}: {reason}" if reason not in ("", "None") else state)
    return JobState("running" if state in RUNNING else "ended", state)


def _how(job_id: str) -> str:
    """How a job ended, if there is an accounting that knows it."""
    if shutil.which("sacct") is None:
        return ""
    try:
        answer = _run("sacct", "-X", "-n", "-P", "-o", "State", "-j", job_id)
    except JobError:
        return ""
    states = answer.stdout.split()
    return states[0] if answer.returncode == 0 and states else ""


def scancel(job_id: str) -> None:
    """Tell Slurm to stop a job; one that has ended is left alone. Raises JobError with Slurm's words."""
    answer = _run("scancel", job_id)
    if answer.returncode != 0 and not any(text in answer.stderr for text in GONE):
        raise JobError(f"scancel {job_id}: {words(answer.stderr)}")


def job_name(run: str) -> str:
    return f"sedd-{run}"


def cancel_strays(run: str) -> None:
    """Stop jobs of the run that nothing recorded, as when Slurm took one and its answer was lost. Raises JobError."""
    answer = _run(
        *("squeue", "--noheader", f"--user={getpass.getuser()}", f"--name={job_name(run)}"),
        "--format=%i|%Z",
    )
    if answer.returncode != 0:
        raise JobError(f"squeue: {words(answer.stderr)}")
    for line in answer.stdout.splitlines():
        job_id, folder = line.strip().split("|", 1)
        if folder == str(Path.cwd()):  # another project may have a run of the same name
            scancel(job_id)


def is_out_of_reach(said: str) -> bool:
    """Whether Slurm gave no answer, as while its controller is started again, and no refusal."""
    return any(words in said for words in OUT_OF_REACH)


def words(said: str) -> str:
    """What Slurm's commands said, without their own names."""
    lines = [line.split("error: ", 1)[-1].strip() for line in said.splitlines()]
    return "; ".join(dict.fromkeys(filter(None, lines))) or "no reason given"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False
        )
    except FileNotFoundError as error:
        raise JobError(f"{command[0]}: not found; is this a machine of the cluster?") from error
    except subprocess.TimeoutExpired as error:
        raise JobError(f"{command[0]}: no answer in {SECONDS_TO_ANSWER} seconds") from error
