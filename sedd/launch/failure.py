"""Why a job failed: errors that its processes recorded, and the end of the log."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from sedd.errors import SeddError
from sedd.launch.record import JobRecord
from sedd.paths import jobs_dir
from sedd.runtime.atomic import write_json
from sedd.runtime.json_text import object_or_empty

LOG_LINES = 25
# errors of ranks that only lost a peer
PEER_LOSS = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused", "NCCL")


@dataclass(frozen=True)
class Failure:
    """The error that one process recorded when it failed."""

    rank: int
    is_user_error: bool
    """the user must correct something, so resubmitting the job is useless"""
    message: str


def failure_file(run: str, job_id: str, rank: int) -> Path:
    return jobs_dir(run) / job_id / f"failure_{rank}.json"


def write_failure(path: Path, error: Exception) -> None:
    """Record the error of this process; do nothing if the file cannot be written."""
    with contextlib.suppress(OSError):
        write_json(path, {"user_error": isinstance(error, SeddError), "message": str(error)})


def first_failure(record: JobRecord) -> Failure | None:
    """First root-cause failure, ignoring ranks that only lost a peer.

    None if none was recorded (e.g. SIGKILL).
    """
    failures = []
    for rank in range(record.num_tasks):
        with contextlib.suppress(FileNotFoundError):
            text = failure_file(record.run, record.job_id, rank).read_bytes()
            content = object_or_empty(text)
            if isinstance(message := content.get("message"), str):
                failures.append(Failure(rank, content.get("user_error") is True, message))
    causes = [one for one in failures if not any(text in one.message for text in PEER_LOSS)]
    return next((one for one in causes if one.is_user_error), causes[0] if causes else None)


def exit_reason(state: str) -> str:
    """Why a job ended that recorded no error. state: as Slurm has it; empty if that is unknown."""
    if state == "OUT_OF_MEMORY":
        return f"{state}: raise mem_gb in the cluster's file, or lower training.batch_size"
    return state or "no error recorded: it was stopped, or killed, e.g. for lack of memory"


def failed_rank(record: JobRecord) -> int:
    """Rank with the most informative log: the root cause, or else a rank that was killed."""
    failure = first_failure(record)
    if failure is not None:
        return failure.rank
    killed = [
        rank
        for rank in range(record.num_tasks)
        if not failure_file(record.run, record.job_id, rank).exists()
    ]
    return killed[0] if killed else 0


def log_tail(record: JobRecord) -> str:
    """The last lines of the failed rank's log, below the log's path."""
    log = record.log(failed_rank(record))
    if not log.exists():
        return f"{log}: no log; the job did not start"
    # progress bars end their lines with carriage returns
    lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
    tail = [line for line in lines if line.strip()][-LOG_LINES:]
    return "\n".join([f"end of {log}:", *(f"    {line}" for line in tail)])
