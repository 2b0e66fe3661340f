"""Records of a run while it trains: progress, metrics and checkpoints. Only rank 0 writes them."""

from __future__ import annotations

import contextlib
import math
import sys
from datetime import timedelta
from pathlib import Path

from sedd.config import Experiment
from sedd.runtime.device import device_name
from sedd.runtime.distributed import World
from sedd.runtime.progress import Progress, progress
from sedd.runtime.provenance import code_version, now
from sedd.train.metrics_log import MetricsLog
from sedd.train.saver import Saver
from sedd.train.state import TrainState
from sedd.train.step import StepResult
from sedd.train.wandb_log import wandb_log


class Recorder:
    """Progress, metrics and checkpoints from step `first` to step `last`.

    Does nothing on other ranks. stack: closes the files.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        identity: str,
        world: World,
        stack: contextlib.ExitStack,
        *,
        first: int,
        last: int,
    ):
        self._experiment, self._identity, self._world = experiment, identity, world
        self._first, self._last, self._has_estimate = first, last, False
        self._log: MetricsLog | None = None
        self._bar: Progress | None = None
        self._saver: Saver | None = None
        if not world.is_first:
            return
        wandb = None
        if experiment.logging.wandb:
            wandb = stack.enter_context(wandb_log(experiment, identity, folder))
        self._log = stack.enter_context(contextlib.closing(MetricsLog(folder, first, wandb)))
        self._log.write(
            first,
            "start",
            device=device_name(world.device),
            world_size=world.size,
            created=now(),
            code_version=code_version(),
        )
        self._bar = stack.enter_context(
            progress(f"train {experiment.name}", last, "step", initial=first)
        )
        self._saver = Saver(experiment.name, experiment.training.keep_last, self._log_save)
        stack.enter_context(self._saver.finishing())

    def announce(self, num_parameters: int, num_tokens: int) -> None:
        """Say what is trained, on what; the time follows with the first logged step.

        num_tokens: of the training split.
        """
        if not self._bar:
            return
        training, length = self._experiment.training, self._experiment.data.length
        print(
            f"{self._experiment.name}: {num_parameters:,} parameters on "
            f"{device_name(self._world.device)}; {num_tokens:,} tokens of "
            f"{self._experiment.data.dataset}; steps {self._first:,} to {self._last:,} of "
            f"{training.batch_size * length:,} tokens",
            file=sys.stderr,
        )

    def count_step(self) -> None:
        """Count one completed step. Raises CheckpointError if a background write has failed."""
        if self._bar and self._saver:
            self._bar.update()
            self._saver.check()

    def log_step(
        self, step: int, loss: float, result: StepResult, lap: tuple[int, float], num_tokens: int
    ) -> None:
        """Log a training step.

        loss: mean over the global batch, nats per token. lap: steps and seconds since the last log.
        num_tokens: tokens per global batch.
        """
        if not (self._log and self._bar):
            return
        steps, seconds = lap
        rate = steps * num_tokens / seconds
        if not self._has_estimate:
            left = timedelta(seconds=round((self._last - step) * seconds / steps))
            print(f"{self._experiment.name}: about {left} to step {self._last:,}", file=sys.stderr)
            self._has_estimate = True
        self._log.write(
            step,
            "train",
            loss_nats_per_token=loss,
            lr=result.lr,
            grad_norm=result.grad_norm.item(),
            tokens_per_second=rate,
            seconds=seconds,
        )
        self._bar.note(loss=f"{loss:.3f} nats/token", rate=f"{rate:,.0f} token/s")

    def log_validation(self, step: int, nats: float, error: float | None) -> None:
        """Log the mean validation loss and its standard error, if any, in nats per token."""
        if not self._log:
            return
        errors = {} if error is None else {"standard_error": error}
        self._log.write(step, "validation", loss_nats_per_token=nats, **errors)
        if not math.isfinite(nats):
            print(
                f"{self._experiment.name}: step {step}: the validation loss is {nats}; logged as null",
                file=sys.stderr,
            )

    def log_skipped(self, steps: list[int], count: int) -> None:
        """Log steps that were skipped, of `count` up to now, and say so on stderr."""
        if not self._log:
            return
        allowed = self._experiment.training.skip_nonfinite
        for step in steps:
            self._log.write(step, "skipped", num_skipped=count)
            print(
                f"{self._experiment.name}: step {step}: the loss or its gradient is not finite; "
                f"skipped ({count} of at most {allowed})",
                file=sys.stderr,
            )

    def finish_write(self) -> None:
        """Wait for the write that has begun. Raises CheckpointError if it fails."""
        if self._saver:
            self._saver.wait()

    def save(self, state: TrainState, *, public: bool) -> None:
        """Save a state to resume from; public: also publish a checkpoint."""
        if self._saver:
            self._saver.save(
                lambda: state.to_host(self._experiment, self._identity, self._world.size),
                public=public,
            )

    def _log_save(self, step: int, blocked: float, writing: float) -> None:
        if self._log:
            self._log.write(step, "save", seconds_blocked=blocked, seconds_writing=writing)
