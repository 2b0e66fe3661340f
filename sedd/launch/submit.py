"""Find the live job of a run, or submit one. A run never has two jobs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sedd.config import (
    ClusterConfig,
    Experiment,
    checkpoint_steps,
    device_problems,
    differences,
    training_identity,
)
from sedd.errors import ConfigError, JobError, SeddError
from sedd.launch.published import requested_identity
from sedd.launch.record import JobRecord, job_lock, read_record
from sedd.launch.slurm_commands import cancel_unrecorded_jobs, scancel
from sedd.launch.status import job_state
from sedd.paths import cluster_file, job_file, jobs_dir
from sedd.runtime.atomic import no_follow, write_json


@dataclass(frozen=True)
class LiveJob:
    """The run's job; is_new: whether this call submitted it."""

    record: JobRecord
    is_new: bool


def ensure_job(experiment: Experiment, cluster: ClusterConfig, until: int | None = None) -> LiveJob:
    """Return the live job that trains the experiment; submit one if there is none.

    Simultaneous calls submit one job. until: step of a checkpoint that the job must produce
    (default: the last).
    Raises ConfigError if the cluster cannot run the experiment, and JobError if a job with other
    settings is live.
    """
    if problems := device_problems(experiment, cluster):
        raise ConfigError(f"{experiment.name} on {cluster_file(cluster.name)}", problems)
    run = experiment.name
    identity, _ = requested_identity(experiment)
    until = until or checkpoint_steps(experiment)[-1]
    with job_lock(run) as lock:
        record = read_record(run)
        if record is not None:
            state = job_state(record)
            if state.phase == "unknown":
                raise JobError(
                    f"{run}: cannot tell whether job {record.job_id} is still training: "
                    f"{state.detail}. If the job no longer exists, remove {job_file(run)}"
                )
            if state.is_live:
                check_same_job(record, experiment, identity, until)
                return LiveJob(record, is_new=False)
            if record.executor == "slurm":
                # a late requeue would be a second writer
                scancel(record.job_id, has_ended=True)
        if cluster.executor == "slurm" and shutil.which("squeue"):
            cancel_unrecorded_jobs(run)
        check_initial_weights(experiment)
        try:
            start_submitter(run, cluster, save_settings(experiment), identity, until, lock)
        except OSError as error:
            what = f"{error.strerror or error}: {error.filename or jobs_dir(run)}"
            raise JobError(f"{run}: the job could not be submitted: {what}") from error
        record = read_record(run)
        assert record is not None, "the submitter writes the record before it exits with code 0"
        return LiveJob(record, is_new=True)


def check_initial_weights(experiment: Experiment) -> None:
    """Raise ConfigError or CheckpointError, before a job asks for a GPU, if `training.init` does not
    fit.
    """
    if experiment.training.init is not None:
        from sedd.checkpoints.initial import initial_weights  # imports torch

        initial_weights(experiment)


def save_settings(experiment: Experiment) -> Path:
    """Copy the settings to the job folder: later edits must not reach a queued job."""
    path = jobs_dir(experiment.name) / f"settings.{experiment.sha256()[:12]}.json"
    if not path.exists():
        write_json(path, experiment.model_dump(mode="json"))
    return path


def start_submitter(
    run: str, cluster: ClusterConfig, settings: Path, identity: str, until: int, lock: int | None
) -> None:
    """Submit and record the job in a separate process that outlives this one. Requires the lock.

    Raises JobError, with Slurm's message if Slurm refuses the job.
    """
    log = jobs_dir(run) / "submit.log"
    arguments = [run, cluster.name, str(settings), identity, str(until)]
    with open(
        log, "w", opener=no_follow
    ) as file:  # the controller of a local job keeps writing to it
        result = subprocess.run(
            [sys.executable, "-m", "sedd.launch.submitter", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            check=False,
        )
    if result.returncode == SeddError.exit_code:
        raise JobError(result.stdout.strip())
    if result.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {result.returncode}"
        raise JobError(f"{run}: the job could not be submitted: {reason}; see {log}")


def check_same_job(record: JobRecord, experiment: Experiment, identity: str, until: int) -> None:
    """Raise JobError unless the live job has these settings and produces checkpoint `until`."""
    if record.cancelled:
        raise JobError(
            f"{record.run}: job {record.job_id} was cancelled but has not ended yet; "
            "wait until it has ended, see sedd status"
        )
    settings = Experiment.model_validate_json(Path(record.settings).read_text(encoding="utf-8"))
    way_out = f"cancel it first: sedd cancel {record.run}"
    conflict = f"{record.run}: job {record.job_id} is training this run"
    if record.identity != identity:
        changes = differences(training_identity(settings), training_identity(experiment))
        raise JobError(
            f"{conflict} with other settings ({', '.join(changes) or 'other tokens'}); {way_out}, "
            "or give the changed experiment its own name with --name"
        )
    if until not in checkpoint_steps(settings):
        every = settings.training.checkpoint_every
        raise JobError(
            f"{conflict} with a checkpoint every {every} steps, but none at {until}; {way_out}"
        )
