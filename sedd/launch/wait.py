"""Wait until a job has trained a run's checkpoint; resubmit the job if it is lost."""

from __future__ import annotations

import contextlib
import sys
import time

from sedd.config import ClusterConfig, Experiment, checkpoint_steps
from sedd.errors import ConfigError, JobError, Problem
from sedd.launch.failure import exit_reason, first_failure, log_tail
from sedd.launch.published import is_published, requested_identity
from sedd.launch.record import JobRecord, JobState, newest_saved_step, read_record
from sedd.launch.slurm_commands import is_unreachable
from sedd.launch.status import job_state, read_progress
from sedd.launch.submit import LiveJob, ensure_job
from sedd.paths import checkpoint_file
from sedd.runtime.progress import Progress, progress

FILE_POLL_SECONDS = 0.25
JOB_POLL_SECONDS = {"local": 1.0, "slurm": 10.0}
"""reading /proc is cheap; Slurm's controller is shared by all users"""
FILE_DELAY_SECONDS = {"local": 0.5, "slurm": 15.0}
"""how long the last file of a job may take to appear on this machine"""
UNREACHABLE_TIMEOUT_SECONDS = 3600
MAX_FRUITLESS_JOBS = 3
"""consecutive jobs without a new saved state before giving up"""


def wait_for(experiment: Experiment, cluster: ClusterConfig, until: int | None = None) -> None:
    """Return when the checkpoint of step `until` (default: the last) is published.

    Raises ConfigError if `until` is not the step of a checkpoint. Raises JobError if the job was
    cancelled, failed with an error that the user must correct, or was lost repeatedly without
    progress.
    """
    steps = checkpoint_steps(experiment)
    if until is not None and until not in steps:
        allowed = ", ".join(map(str, steps))
        what = f"must be the step of a checkpoint: {allowed}; got {until}"
        raise ConfigError("command line", [Problem("--until", what)])
    Waiter(experiment, cluster, until or steps[-1]).run()


class Waiter:
    """Waits for one checkpoint of one run."""

    def __init__(self, experiment: Experiment, cluster: ClusterConfig, until: int):
        self.experiment, self.cluster, self.until = experiment, cluster, until
        self.identity, _ = requested_identity(experiment)

    def run(self) -> None:
        if self.is_published():
            return
        job, fruitless = ensure_job(self.experiment, self.cluster, self.until), 0
        while True:
            record = job.record
            self.print(
                f"{'submitted' if job.is_new else 'waiting for'} {record}; log: {record.log()}"
            )
            ended = self.follow(record)
            if ended is None or self.appears(record):
                self.print(f"{checkpoint_file(record.run, self.until)} is ready")
                return
            has_progress = newest_saved_step(record.run) > record.step_before
            fruitless = 0 if has_progress else fruitless + 1
            self.check_resubmission(record, ended, fruitless)
            job = self.next_job()

    def next_job(self) -> LiveJob:
        """Make sure that the next job is submitted; retry while Slurm is unreachable, e.g. restarting."""
        deadline = time.monotonic() + UNREACHABLE_TIMEOUT_SECONDS
        while True:
            try:
                return ensure_job(self.experiment, self.cluster, self.until)
            except JobError as error:
                if not is_unreachable(str(error)) or time.monotonic() > deadline:
                    raise
                self.print(f"{error}; retrying")
                time.sleep(JOB_POLL_SECONDS["slurm"])

    def is_published(self) -> bool:
        return is_published(self.experiment.name, self.until, self.identity)

    def print(self, text: str) -> None:
        print(f"{self.experiment.name}: {text}", file=sys.stderr, flush=True)

    def follow(self, record: JobRecord) -> JobState | None:
        """Show progress. Return None when the checkpoint is published, or an ended job's state."""
        printed, last_poll = "", 0.0
        with contextlib.ExitStack() as stack:
            bar = TrainingBar(self.experiment, self.until, stack)
            while not self.is_published():
                bar.refresh()
                if time.monotonic() - last_poll >= JOB_POLL_SECONDS[record.executor]:
                    state, last_poll = job_state(record), time.monotonic()
                    if not state.is_live:
                        return state
                    text = f"{state.phase} ({state.detail})"
                    if state.phase != "running" and text != printed:
                        self.print(f"job {record.job_id}: {text}")
                    printed = text
                time.sleep(FILE_POLL_SECONDS)
            bar.refresh()
        return None

    def appears(self, record: JobRecord) -> bool:
        """Whether the checkpoint appears after the job's end: network file systems may delay it."""
        deadline = time.monotonic() + FILE_DELAY_SECONDS[record.executor]
        while not self.is_published() and time.monotonic() < deadline:
            time.sleep(FILE_POLL_SECONDS)
        return self.is_published()

    def check_resubmission(self, record: JobRecord, ended: JobState, fruitless: int) -> None:
        """Return if another job should be submitted.

        Raises JobError if the job was cancelled, or if another one would fail in the same way.
        """
        run = record.run
        newest = read_record(run)
        if newest is not None and newest.job_id != record.job_id:
            return  # another waiter has submitted the next job
        resume = "the same command resumes from there"
        if (newest is not None and newest.cancelled) or ended.detail.startswith("CANCELLED"):
            raise JobError(
                f"{run}: job {record.job_id} was cancelled; "
                f"its newest saved state is step {newest_saved_step(run)}, and {resume}"
            )
        failure = first_failure(record)
        if failure is not None and failure.is_user_error:
            raise JobError(f"{run}: job {record.job_id} failed:\n{failure.message}")
        reason = f" ({exit_reason(ended.detail)})" if failure is None else ""
        if fruitless >= MAX_FRUITLESS_JOBS:
            raise JobError(
                f"{run}: {fruitless} jobs in a row ended without saving a new state; "
                f"the last was {record.job_id}{reason}; {log_tail(record)}\n"
                f"Correct the error in the log; {resume}"
            )
        step = newest_saved_step(run)
        self.print(f"job {record.job_id} ended{reason} at step {step}; submitting another")


class TrainingBar:
    """Progress bar of a training job. The time in the queue is excluded.

    stack: closes the bar.
    """

    def __init__(self, experiment: Experiment, until: int, stack: contextlib.ExitStack):
        self._experiment, self._until, self._stack = experiment, until, stack
        self._initial = read_progress(experiment.name)
        self._bar: Progress | None = None
        self._step = 0

    def refresh(self) -> None:
        """Advance the bar to the run's newest step; it stays while a requeued job repeats steps."""
        newest = read_progress(self._experiment.name)
        if newest is None or newest == self._initial:
            return
        step = min(newest.step, self._until)
        if self._bar is None:
            self._step = step
            description = f"train {self._experiment.name}"
            bar = progress(description, self._until, "step", initial=step)
            self._bar = self._stack.enter_context(bar)
        self._bar.note(
            loss=f"{newest.loss_nats_per_token:.3f} nats/token",
            rate=f"{newest.tokens_per_second:,.0f} token/s",
        )
        self._bar.update(max(step - self._step, 0))
        self._step = max(step, self._step)
