"""What every run is doing, from its files and, for those with a live job, from Slurm or the processes here."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sedd.config import Experiment
from sedd.config.load_experiment import experiment_from
from sedd.errors import ConfigError, JobError
from sedd.launch.failure import first_failure
from sedd.launch.metrics import read_position
from sedd.launch.record import JobRecord, newest_state, read_record
from sedd.launch.slurm import JobState
from sedd.launch.states import job_states
from sedd.paths import RESULTS, checkpoint_file, run_dir


@dataclass(frozen=True)
class RunStatus:
    """One run. Seconds and rates are null unless it is training."""

    run: str
    state: str
    """queued, running, stopping, unknown; done, cancelled, failed, stopped"""
    detail: str
    """more about the state, such as why a job waits"""
    job_id: str | None
    cluster: str | None
    step: int
    """the newest that is known of"""
    steps: int | None
    """of the whole training; null: not known"""
    loss_nats_per_token: float | None
    tokens_per_second: float | None
    seconds_left: float | None
    checkpoint: int | None
    """step of the last one"""
    log: str | None
    """of the job's first process; those of the others lie beside it"""


def all_runs() -> list[str]:
    """Every run that has been trained, or is to be."""
    parts = ("jobs", "train", "checkpoints")
    folders = (RESULTS / "runs").glob("*")
    return sorted(path.name for path in folders if any((path / part).is_dir() for part in parts))


def run_statuses(names: Sequence[str] = ()) -> list[RunStatus]:
    """The named runs, or all. Raises JobError naming those that are not there."""
    there = all_runs()
    if missing := [name for name in names if name not in there]:
        near = difflib.get_close_matches(missing[0], there, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(there) or 'none'}"
        raise JobError(f"no such run: {', '.join(missing)}; {hint}")
    records = {run: read_record(run) for run in names or there}
    states = job_states(record for record in records.values() if record is not None)
    return [run_status(run, record, states.get(run)) for run, record in records.items()]


def run_status(run: str, record: JobRecord | None, job: JobState | None) -> RunStatus:
    """One run; job: the state of its recorded job."""
    experiment, position, saved = settings_of(run, record), read_position(run), newest_state(run)
    steps = experiment.training.steps if experiment else None
    state, detail = name_state(run, record, job, steps)
    trains = state == "running" and position is not None
    return RunStatus(
        run=run,
        state=state,
        detail=detail,
        job_id=record.job_id if record else None,
        cluster=record.cluster if record else None,
        step=max(position.step if trains and position else 0, saved),
        steps=steps,
        loss_nats_per_token=position.loss_nats_per_token if position else None,
        tokens_per_second=position.tokens_per_second if trains and position else None,
        seconds_left=position.seconds_left(experiment, steps)
        if trains and position and experiment and steps
        else None,
        checkpoint=last_checkpoint(run),
        log=str(record.log()) if record else None,
    )


def name_state(
    run: str, record: JobRecord | None, job: JobState | None, steps: int | None
) -> tuple[str, str]:
    """The state in a word, and more about it."""
    if record is not None and job is not None and job.is_live:
        if record.cancelled and job.phase != "unknown":
            return "stopping", "cancelled; saves its state"
        return job.phase, job.detail
    if trainer := foreground_trainer(run):
        return "running", f"without a job, process {trainer}"
    if steps is not None and checkpoint_file(run, steps).exists():
        return "done", ""
    if record is None:
        return "stopped", ""
    if record.cancelled:
        return "cancelled", ""
    how = job.detail if job is not None else ""
    failure = first_failure(record)
    if failure is None and how == "COMPLETED":  # of a shorter training
        return "stopped", ""
    return "failed", failure.message.splitlines()[0] if failure and failure.message else how


def settings_of(run: str, record: JobRecord | None) -> Experiment | None:
    """What the run is trained with; None if that cannot be read."""
    with contextlib.suppress(FileNotFoundError, ValueError, ConfigError):
        if record is not None:
            return Experiment.model_validate_json(Path(record.settings).read_text("utf-8"))
        found = experiment_from(run_dir(run) / "config.yaml")
        return found if isinstance(found, Experiment) else None
    return None


def foreground_trainer(run: str) -> str | None:
    """The process that holds the run's training lock on this machine, or None."""
    try:
        with (run_dir(run) / ".train.lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "?"
    except OSError:
        pass
    return None


def last_checkpoint(run: str) -> int | None:
    found = (run_dir(run) / "checkpoints").glob("step_*.pt")
    return max((int(path.stem.removeprefix("step_")) for path in found), default=None)
