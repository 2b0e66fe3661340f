"""The record of a run's newest training job, `job.json`, and the lock that protects it.

A run has one job at a time. Submitting or cancelling a job requires the lock, and the record is
written before the lock is released.
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
    """Everything needed to find a job again from any process."""

    run: str
    job_id: str
    """Slurm job number, or process id of the local controller"""
    executor: Literal["local", "slurm"]
    cluster: str
    """name of the file in config/cluster that the job was submitted with"""
    host: str
    """machine that submitted the job; a local job runs there"""
    identity: str
    """hash of the settings and tokens that the job trains with"""
    settings: str
    """path of the settings file"""
    num_tasks: int
    """number of processes; each has its own log"""
    sent: str
    """UTC time of submission"""
    step_before: int
    """newest saved step of the run at submission"""
    cancelled: str | None = None
    """UTC time of cancellation; set before the job is signaled"""

    def __str__(self) -> str:
        executor = "Slurm" if self.executor == "slurm" else "local"
        return f"{executor} job {self.job_id} on cluster {self.cluster}"

    def log(self, rank: int = 0) -> Path:
        return job_log_file(self.run, self.job_id, rank)


@dataclass(frozen=True)
class JobState:
    """Phase of a job, with details as the scheduler reports them."""

    phase: Literal["queued", "running", "ended", "unknown"]
    detail: str = ""

    @property
    def is_live(self) -> bool:
        """Whether the job may still write files. True for a job in an unknown state."""
        return self.phase != "ended"


def read_record(run: str) -> JobRecord | None:
    """Return the record of the newest job, or None if no job was ever submitted.

    Raises JobError if the file is not a job record.
    """
    path = job_file(run)
    try:
        return JobRecord(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise JobError(
            f"{path}: not a job record: {error}; if no job trains this run, remove the file"
        ) from error


def write_record(record: JobRecord) -> None:
    write_json(job_file(record.run), asdict(record))


def mark_cancelled(record: JobRecord) -> None:
    """Record that the job is being cancelled, so that no waiter resubmits it. Requires the lock."""
    write_record(replace(record, cancelled=now()))


@contextlib.contextmanager
def job_lock(run: str) -> Iterator[IO[str]]:
    """Hold the lock of the run's record. The kernel releases it when its last holder dies."""
    path = jobs_dir(run) / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def newest_saved_step(run: str) -> int:
    """Step of the newest state or checkpoint that the trainer has saved; 0 if there is none."""
    files = [*train_dir(run).glob("state_*.pt"), *train_dir(run).glob("step_*.pt")]
    return max((int(path.stem.split("_")[1]) for path in files), default=0)
