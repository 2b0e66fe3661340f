"""The record of a run's newest training job, `job.json`, and the lock that protects it.

A run has one job at a time. Submitting or cancelling a job requires the lock, and the record is
written before the lock is released.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from sedd.errors import JobError
from sedd.paths import job_file, job_log_file, jobs_dir, numbered_files, train_dir
from sedd.results.record import problems_of
from sedd.runtime.atomic import write_json
from sedd.runtime.lock import locked
from sedd.runtime.provenance import now


@dataclass(frozen=True)
class JobRecord:
    """Everything needed to find a job again from any process."""

    run: str
    job_id: Annotated[str, Field(pattern="^[0-9]{1,18}$")]
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
    num_tasks: Annotated[int, Field(ge=1, le=100_000)]
    """number of processes; each has its own log"""
    sent: str
    """UTC time of submission"""
    step_before: int
    """newest saved step of the run at submission"""
    cancelled: str | None = None
    """UTC time of cancellation; set when Slurm has accepted it, or before a local job is signaled"""

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
        record = TypeAdapter(JobRecord).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise _no_record(path, problems_of(error)) from error
    if record.run != run:
        raise _no_record(path, f"it is of the run {record.run!r}")
    return record


def _no_record(path: Path, what: str) -> JobError:
    remedy = "if no job trains this run, remove the file"
    return JobError(f"{path}: not a job record: {what}; {remedy}")


def write_record(record: JobRecord) -> None:
    write_json(job_file(record.run), asdict(record))


def mark_cancelled(record: JobRecord) -> None:
    """Record that the job is cancelled, so that no waiter resubmits it. Requires the lock."""
    write_record(replace(record, cancelled=now()))


def lock_file(run: str) -> Path:
    return jobs_dir(run) / ".lock"


@contextlib.contextmanager
def job_lock(run: str) -> Iterator[int | None]:
    """Hold the lock of the run's record; see `sedd.runtime.lock.locked`."""

    def wait(holder: str) -> None:
        print(f"{run}: {holder} is submitting or cancelling its job; waiting", file=sys.stderr)

    with locked(lock_file(run), wait) as descriptor:
        yield descriptor


def newest_saved_step(run: str) -> int:
    """Step of the newest state or checkpoint that the trainer has saved; 0 if there is none."""
    return max(
        (step for kind in ("state", "step") for step in numbered_files(train_dir(run), kind)),
        default=0,
    )
