"""Status of jobs and runs, from the runs' files and from Slurm or this machine's processes."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sedd.checkpoints.run_folder import steps_present
from sedd.config import Experiment
from sedd.config.file_names import run_folders
from sedd.config.load_experiment import experiment_from
from sedd.config.yaml.describe import guess_or_list
from sedd.errors import ConfigError, JobError
from sedd.launch.failure import exit_reason, first_failure
from sedd.launch.local import local_state
from sedd.launch.record import JobRecord, JobState, newest_saved_step, read_record
from sedd.launch.slurm_commands import slurm_states
from sedd.paths import checkpoint_file, metrics_file, run_dir
from sedd.results.notes import notes
from sedd.runtime.json_text import object_or_empty
from sedd.runtime.lock import holder

TAIL_BYTES = 1 << 16
"""bytes read from the end of a metrics file to find its newest line"""


@dataclass(frozen=True)
class RunStatus:
    """Status of one run. Throughput and remaining time are None unless the run is training."""

    run: str
    state: str
    """queued, running, stopping, unknown; done, cancelled, failed, stopped"""
    detail: str
    """explanation of the state, e.g. why a job is queued"""
    job_id: str | None
    cluster: str | None
    step: int
    """newest known step"""
    steps: int | None
    """steps of the whole training; None if the settings cannot be read"""
    loss_nats_per_token: float | None
    tokens_per_second: float | None
    seconds_left: float | None
    checkpoint: int | None
    """step of the newest checkpoint"""
    log: str | None
    """log of rank 0; the logs of other ranks are in the same folder"""
    notes: list[str]
    """files and numbers that are not what they seem, see `sedd.results.notes`"""


@dataclass(frozen=True)
class TrainingProgress:
    """Newest training line of a run's metrics."""

    step: int
    loss_nats_per_token: float | None
    tokens_per_second: float
    modified: float
    """modification time of the metrics file, in seconds since 1970"""

    def seconds_left(self, experiment: Experiment, until: int) -> float:
        """Time until step `until` at the current throughput."""
        tokens = (until - self.step) * experiment.training.batch_size * experiment.data.length
        return max(tokens, 0) / self.tokens_per_second


def job_state(record: JobRecord) -> JobState:
    return job_states([record])[record.run]


def job_states(records: Iterable[JobRecord]) -> dict[str, JobState]:
    """State of each run's job, by run. All Slurm jobs are queried with one command."""
    records = list(records)
    slurm = slurm_states([record.job_id for record in records if record.executor == "slurm"])
    return {
        record.run: slurm[record.job_id] if record.executor == "slurm" else local_state(record)
        for record in records
    }


def read_progress(run: str) -> TrainingProgress | None:
    """Newest complete training line of the run's metrics, or None before the first."""
    try:
        with metrics_file(run).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]  # the last element is an unfinished line or empty
            modified = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        values = object_or_empty(line)  # the first line of the tail may be cut
        step, rate = values.get("step"), values.get("tokens_per_second")
        loss = values.get("loss_nats_per_token")  # null for a step that was skipped
        if (
            values.get("kind") == "train"
            and type(step) is int
            and isinstance(loss, float | None)
            and isinstance(rate, float)
            and 0 < rate < math.inf
        ):
            return TrainingProgress(step, loss, rate, modified)
    return None


def all_runs() -> list[str]:
    """Names of all runs that have a job, a training folder or a checkpoint."""
    subfolders = ("jobs", "train", "checkpoints")
    return [
        folder.name
        for folder in run_folders()
        if any((folder / name).is_dir() for name in subfolders)
    ]


def check_runs(names: Sequence[str]) -> None:
    """Raise JobError for all names without a run, each with the nearest run."""
    runs = all_runs()
    if missing := [name for name in names if name not in runs]:
        lines = [f"{name}; {guess_or_list(name, runs)}" for name in missing]
        raise JobError("no such run: " + "\n  ".join(lines))


def run_statuses(names: Sequence[str] = ()) -> list[RunStatus]:
    """Status of the named runs (default: all). Raises JobError as `check_runs`."""
    check_runs(names)
    records = {run: read_record(run) for run in names or all_runs()}
    states = job_states(record for record in records.values() if record is not None)
    return [run_status(run, record, states.get(run)) for run, record in records.items()]


def run_status(run: str, record: JobRecord | None, job: JobState | None) -> RunStatus:
    """Status of one run. job: state of the recorded job."""
    experiment, progress = read_settings(run, record), read_progress(run)
    steps = experiment.training.steps if experiment else None
    state, detail = summarize(run, record, job, steps)
    live = progress if state == "running" else None
    return RunStatus(
        run=run,
        state=state,
        detail=detail,
        job_id=record.job_id if record else None,
        cluster=record.cluster if record else None,
        step=max(live.step if live else 0, newest_saved_step(run)),
        steps=steps,
        loss_nats_per_token=progress.loss_nats_per_token if progress else None,
        tokens_per_second=live.tokens_per_second if live else None,
        seconds_left=live.seconds_left(experiment, steps)
        if live and experiment and steps
        else None,
        checkpoint=newest_checkpoint(run),
        log=str(record.log()) if record else None,
        notes=notes(run),
    )


def summarize(
    run: str, record: JobRecord | None, job: JobState | None, steps: int | None
) -> tuple[str, str]:
    """State of the run as one word, and its explanation."""
    if record is not None and job is not None and job.is_live:
        if record.cancelled and job.phase != "unknown":
            return "stopping", "cancelled; saving its state"
        return job.phase, job.detail
    if process := holder(run_dir(run) / ".train.lock"):
        return "running", f"without a job, process {process}"
    if steps is not None and checkpoint_file(run, steps).exists():
        return "done", ""
    if record is None:
        return "stopped", ""
    if record.cancelled:
        return "cancelled", ""
    exit_state = job.detail if job is not None else ""
    failure = first_failure(record)
    if failure is None and exit_state == "COMPLETED":  # a job of an earlier, shorter training
        return "stopped", ""
    if failure is not None and failure.message:
        return "failed", failure.message.splitlines()[0]
    return "failed", exit_reason(exit_state)


def read_settings(run: str, record: JobRecord | None) -> Experiment | None:
    """Settings that the run trains with, or None if they cannot be read."""
    with contextlib.suppress(FileNotFoundError, ValueError, ConfigError):
        if record is not None:
            return Experiment.model_validate_json(Path(record.settings).read_text("utf-8"))
        experiment = experiment_from(run_dir(run) / "config.yaml")
        return experiment if isinstance(experiment, Experiment) else None
    return None


def newest_checkpoint(run: str) -> int | None:
    return max(steps_present(run_dir(run)), default=None)
