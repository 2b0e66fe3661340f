"""The record of a run's newest training job, `job.json`, and the lock under which it changes.

One job a run: whoever sends or cancels one holds the lock, and writes down what was done before letting go.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Literal

from sedd.errors import JobError
from sedd.paths import job_file, job_log_file, jobs_dir, train_dir
from sedd.runtime.atomic import write_json
from sedd.runtime.provenance import now


@dataclass(frozen=True)
class JobRecord:
    """What must be known to find a job again, whoever sent it."""

    run: str
    job_id: str
    """Slurm's number, or the process id of the local controller"""
    executor: Literal["local", "slurm"]
    cluster: str
    """the file of config/cluster that it was sent with"""
    host: str
    """where it was sent from; a local job runs there"""
    identity: str
    """which settings and tokens it trains with"""
    settings: str
    """the file of its settings"""
    num_tasks: int
    """processes, each with a log"""
    sent: str
    """UTC"""
    step_before: int
    """newest state of the run when it was sent"""
    cancelled: str | None = None
    """UTC; set before the job is told to stop"""

    def log(self, rank: int = 0) -> Path:
        return job_log_file(self.run, self.job_id, rank)


def read_record(run: str) -> JobRecord | None:
    """The newest job, or None if none was sent yet. Raises JobError for a file that is not ours."""
    path = job_file(run)
    try:
        return JobRecord(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise JobError(
            f"{path}: not a job's record: {error}; if no job trains the run, remove the file"
        ) from error


def write_record(record: JobRecord) -> None:
    write_json(job_file(record.run), asdict(record))


def mark_cancelled(record: JobRecord) -> JobRecord:
    """Write down that the job is to stop, so that no one sends it again. Call with the lock held."""
    marked = replace(record, cancelled=now())
    write_record(marked)
    return marked


@contextlib.contextmanager
def job_lock(run: str) -> Iterator[IO[str]]:
    """Hold the lock on the run's record. The kernel frees it when its last holder dies."""
    path = jobs_dir(run) / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def newest_state(run: str) -> int:
    """The step of the newest state or checkpoint that the trainer has saved; 0 if there is none."""
    saved = [*train_dir(run).glob("state_*.pt"), *train_dir(run).glob("step_*.pt")]
    return max((int(path.stem.split("_")[1]) for path in saved), default=0)
