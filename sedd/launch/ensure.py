"""One job a run: take up the one that is alive, or send one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.config import ClusterConfig, Experiment, checkpoint_steps, device_problems
from sedd.errors import ConfigError, JobError
from sedd.launch.published import wanted_identity
from sedd.launch.record import JobRecord, job_lock, read_record
from sedd.launch.send import send
from sedd.launch.slurm import cancel_strays, scancel
from sedd.launch.states import job_state
from sedd.paths import cluster_file, job_file, jobs_dir
from sedd.runtime.atomic import write_json


@dataclass(frozen=True)
class Ensured:
    """The run's job, and whether it was sent just now."""

    record: JobRecord
    is_new: bool


def ensure(experiment: Experiment, cluster: ClusterConfig, until: int | None = None) -> Ensured:
    """The live job that trains the experiment; sent, if there is none. Two at once send one.

    until: a checkpoint that the job must make; the last, by default.
    Raises ConfigError for what the cluster cannot do, and JobError if a job of other settings is alive.
    """
    if problems := device_problems(experiment, cluster):
        raise ConfigError(f"{experiment.name} on {cluster_file(cluster.name)}", problems)
    run = experiment.name
    identity, _ = wanted_identity(experiment)
    until = until or checkpoint_steps(experiment)[-1]
    with job_lock(run) as lock:
        record = read_record(run)
        if record is not None:
            state = job_state(record)
            if state.phase == "unknown":
                raise JobError(
                    f"{run}: whether job {record.job_id} still trains it is not known: {state.detail}. "
                    f"If it is gone for good, remove {job_file(run)}"
                )
            if state.is_live:
                refuse_other(record, experiment, identity, until)
                return Ensured(record, is_new=False)
            if (
                record.executor == "slurm"
            ):  # if it is queued again late, it must not be a second writer
                scancel(record.job_id)
        if cluster.executor == "slurm" and shutil.which("squeue"):
            cancel_strays(run)
        try:
            send(run, cluster, keep_settings(experiment), identity, until, lock)
        except OSError as error:
            what = f"{error.strerror or error}: {error.filename or jobs_dir(run)}"
            raise JobError(f"{run}: the job could not be sent: {what}") from error
        record = read_record(run)
        assert record is not None, "the sender writes the record before it ends well"
        return Ensured(record, is_new=True)


def keep_settings(experiment: Experiment) -> Path:
    """Write the settings as they are now: a job that waits for days must not read edited ones."""
    path = jobs_dir(experiment.name) / f"settings.{experiment.sha256()[:12]}.json"
    if not path.exists():
        write_json(path, experiment.model_dump(mode="json"))
    return path


def refuse_other(record: JobRecord, experiment: Experiment, identity: str, until: int) -> None:
    """Raise JobError unless a live job makes what is wanted."""
    if record.cancelled:
        raise JobError(
            f"{record.run}: job {record.job_id} was cancelled and has not ended yet; "
            "wait until it has, see sedd status"
        )
    kept = Experiment.model_validate_json(Path(record.settings).read_text(encoding="utf-8"))
    stop = f"stop it first: sedd cancel {record.run}"
    trains = f"{record.run}: job {record.job_id} is training it"
    if record.identity != identity:
        changed = differences(kept.sections(), experiment.sections())
        raise JobError(
            f"{trains} with other settings ({', '.join(changed) or 'other tokens'}); {stop}, "
            "or give the changed experiment a name of its own, with --name"
        )
    if until not in checkpoint_steps(kept):
        every = kept.training.checkpoint_every
        raise JobError(f"{trains} with a checkpoint every {every} steps, none at {until}; {stop}")


def differences(old: Any, new: Any, key: str = "") -> list[str]:
    """`key old -> new` for each value that differs between two nested mappings."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for name in dict.fromkeys([*old, *new]):
            found += differences(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        return found
    return [] if old == new else [f"{key} {old} -> {new}"]
