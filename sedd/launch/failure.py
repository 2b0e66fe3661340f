"""Why a job ended without what was waited for: the words that its processes left."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from sedd.errors import SeddError
from sedd.launch.record import JobRecord
from sedd.paths import jobs_dir
from sedd.runtime.atomic import write_json

LINES = 25
# what a process says of another that is gone
LEFT_ALONE = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused", "NCCL")


@dataclass(frozen=True)
class Failure:
    """What one process wrote down when it failed."""

    rank: int
    is_mistake: bool
    """one that the user can mend, so that sending the job again is of no use"""
    message: str


def failure_file(run: str, job_id: str, rank: int) -> Path:
    return jobs_dir(run) / job_id / f"failure_{rank}.json"


def note_failure(path: Path, error: Exception) -> None:
    """Write down why this process fails, unless that fails too."""
    with contextlib.suppress(OSError):
        write_json(path, {"mistake": isinstance(error, SeddError), "message": str(error)})


def first_failure(record: JobRecord) -> Failure | None:
    """What failed, not what failed for the lack of it. None if no process had the time to say, as when one is killed."""
    found = []
    for rank in range(record.num_tasks):
        with contextlib.suppress(FileNotFoundError):
            said = json.loads(failure_file(record.run, record.job_id, rank).read_text("utf-8"))
            found.append(Failure(rank, said["mistake"], said["message"]))
    own = [one for one in found if not any(words in one.message for words in LEFT_ALONE)]
    return next((one for one in own if one.is_mistake), own[0] if own else None)


def failed_rank(record: JobRecord) -> int:
    """Whose log tells most: the process that failed first, or one that was killed, without a word of its own."""
    failure = first_failure(record)
    if failure is not None:
        return failure.rank
    silent = [
        rank
        for rank in range(record.num_tasks)
        if not failure_file(record.run, record.job_id, rank).exists()
    ]
    return silent[0] if silent else 0


def last_words(record: JobRecord) -> str:
    """The end of the log of the process that failed first, under the log's name."""
    log = record.log(failed_rank(record))
    if not log.exists():
        return f"{log}: there is no log: the job did not get to start"
    # a bar's carriage returns are not lines
    lines = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
    tail = [line for line in lines if line.strip()][-LINES:]
    return "\n".join([f"the end of {log}:", *(f"    {line}" for line in tail)])
