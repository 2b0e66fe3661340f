"""Records of a run while it trains: progress, metrics and checkpoints. Only rank 0 writes them."""

from __future__ import annotations

import contextlib
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

    def log_validation(self, step: int, nats: float, error: float) -> None:
        """Log the mean validation loss and its standard error, in nats per token."""
        if self._log:
            self._log.write(step, "validation", loss_nats_per_token=nats, standard_error=error)

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
