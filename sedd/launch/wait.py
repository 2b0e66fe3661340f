"""Waiting for a checkpoint of a run that a job trains, and sending the job again if it was lost."""

from __future__ import annotations

import contextlib
import sys
import time

from sedd.config import ClusterConfig, Experiment, checkpoint_steps
from sedd.errors import ConfigError, JobError, Problem
from sedd.launch.ensure import Ensured, ensure
from sedd.launch.failure import first_failure, last_words
from sedd.launch.metrics import read_position
from sedd.launch.published import has_landed, wanted_identity
from sedd.launch.record import JobRecord, newest_state, read_record
from sedd.launch.slurm import JobState, is_out_of_reach
from sedd.launch.states import job_state
from sedd.paths import checkpoint_file
from sedd.runtime.progress import Progress, progress

SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_BETWEEN_QUESTIONS = {"local": 1.0, "slurm": 10.0}
"""to /proc, which is near, and to Slurm, which serves many"""
SECONDS_TO_APPEAR = {"local": 0.5, "slurm": 15.0}
"""until a file that a job wrote at its end is seen on this machine"""
SECONDS_OUT_OF_REACH = 3600
FRUITLESS_JOBS = 3
"""in a row, that ended without a new state, after which no other is sent"""


def wait_for(experiment: Experiment, cluster: ClusterConfig, until: int | None = None) -> None:
    """Return when the checkpoint of step `until` (default: the last) has landed.

    Raises ConfigError for a step that is no checkpoint's, and JobError if the job was cancelled, stopped at a mistake, or
    was lost again and again without getting on.
    """
    steps = checkpoint_steps(experiment)
    if until is not None and until not in steps:
        allowed = ", ".join(map(str, steps))
        what = f"must be the step of a checkpoint: {allowed}; got {until}"
        raise ConfigError("command line", [Problem("--until", what)])
    Waiter(experiment, cluster, until or steps[-1]).run()


class Waiter:
    """One who waits for one checkpoint."""

    def __init__(self, experiment: Experiment, cluster: ClusterConfig, until: int):
        self.experiment, self.cluster, self.until = experiment, cluster, until
        self.identity, _ = wanted_identity(experiment)

    def run(self) -> None:
        if self.has_landed():
            return
        ensured, fruitless = ensure(self.experiment, self.cluster, self.until), 0
        while True:
            record = ensured.record
            self.say(
                f"{'sent' if ensured.is_new else 'waiting for'} {describe(record)}; log: {record.log()}"
            )
            ended = self.follow(record)
            if ended is None or self.appears(record):
                self.say(f"{checkpoint_file(record.run, self.until)} is there")
                return
            fruitless = 0 if newest_state(record.run) > record.step_before else fruitless + 1
            self.judge(record, ended, fruitless)
            ensured = self.ensure_patiently()

    def ensure_patiently(self) -> Ensured:
        """The next job, when Slurm can be reached: a controller that is started again must not end days of waiting."""
        deadline = time.monotonic() + SECONDS_OUT_OF_REACH
        while True:
            try:
                return ensure(self.experiment, self.cluster, self.until)
            except JobError as error:
                if not is_out_of_reach(str(error)) or time.monotonic() > deadline:
                    raise
                self.say(f"{error}; trying again")
                time.sleep(SECONDS_BETWEEN_QUESTIONS["slurm"])

    def has_landed(self) -> bool:
        return has_landed(self.experiment.name, self.until, self.identity)

    def say(self, text: str) -> None:
        print(f"{self.experiment.name}: {text}", file=sys.stderr, flush=True)

    def follow(self, record: JobRecord) -> JobState | None:
        """Show how far the run is until the checkpoint is there (None) or the job has ended."""
        told, asked = "", 0.0
        with Moving(self.experiment, self.until) as moving:
            while not self.has_landed():
                moving.look()
                if time.monotonic() - asked >= SECONDS_BETWEEN_QUESTIONS[record.executor]:
                    state, asked = job_state(record), time.monotonic()
                    if not state.is_live:
                        return state
                    now = f"{state.phase} ({state.detail})"
                    if state.phase != "running" and now != told:
                        self.say(f"job {record.job_id}: {now}")
                    told = now
                time.sleep(SECONDS_BETWEEN_LOOKS)
            moving.look()
        return None

    def appears(self, record: JobRecord) -> bool:
        """Whether the checkpoint is there after all: a job's last file may be seen late from another machine."""
        deadline = time.monotonic() + SECONDS_TO_APPEAR[record.executor]
        while not self.has_landed() and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return self.has_landed()

    def judge(self, record: JobRecord, ended: JobState, fruitless: int) -> None:
        """Return if another job is to be sent. Raises JobError if that would be against someone's will, or of no use."""
        run = record.run
        newest = read_record(run)
        if newest is not None and newest.job_id != record.job_id:
            return  # someone else has sent the next
        again = "the same command goes on from there"
        if (newest is not None and newest.cancelled) or ended.detail.startswith("CANCELLED"):
            raise JobError(
                f"{run}: job {record.job_id} was cancelled; its newest state is of step {newest_state(run)}, and {again}"
            )
        failure = first_failure(record)
        if failure is not None and failure.is_mistake:
            raise JobError(f"{run}: job {record.job_id} stopped at a mistake:\n{failure.message}")
        how = f" ({ended.detail})" if ended.detail else ""
        if fruitless >= FRUITLESS_JOBS:
            raise JobError(
                f"{run}: {fruitless} jobs in a row ended without a new state, the last of them {record.job_id}{how}; "
                f"{last_words(record)}\nMend what it says; {again}"
            )
        self.say(f"job {record.job_id} ended{how} at step {newest_state(run)}; sending another")


class Moving:
    """A bar that shows how far a job trains, from when it does: the time in a queue says nothing of its pace."""

    def __init__(self, experiment: Experiment, until: int):
        self._experiment, self._until = experiment, until
        self._before = read_position(experiment.name)
        self._stack = contextlib.ExitStack()
        self._bar: Progress | None = None
        self._step = 0

    def look(self) -> None:
        """Move the bar to where the run is. A job that was queued again repeats some steps: the bar waits for it."""
        position = read_position(self._experiment.name)
        if position is None or position == self._before:
            return
        step = min(position.step, self._until)
        if self._bar is None:
            self._step = step
            named = f"train {self._experiment.name}"
            self._bar = self._stack.enter_context(
                progress(named, self._until, "step", initial=step)
            )
        self._bar.note(
            loss=f"{position.loss_nats_per_token:.3f} nats/token",
            rate=f"{position.tokens_per_second:,.0f} token/s",
        )
        self._bar.update(max(step - self._step, 0))
        self._step = max(step, self._step)

    def __enter__(self) -> Moving:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def describe(record: JobRecord) -> str:
    """A job in a few words."""
    where = "Slurm job" if record.executor == "slurm" else "local job"
    return f"{where} {record.job_id} on cluster {record.cluster}"
