"""What a run tells and keeps while it trains, by its first process: progress, metrics, checkpoints. The others are silent."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType

from sedd.config import Experiment
from sedd.runtime.device import device_name
from sedd.runtime.distributed import World
from sedd.runtime.progress import Progress, progress
from sedd.runtime.provenance import code_version, now
from sedd.train.log import MetricsLog
from sedd.train.saves import Saver
from sedd.train.state import TrainState
from sedd.train.step import StepResult
from sedd.train.wandb_log import WandbLog


class Records:
    """Progress, metrics and checkpoints from step `first` to step `last`."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        identity: str,
        world: World,
        *,
        first: int,
        last: int,
    ):
        self._experiment, self._identity, self._world = experiment, identity, world
        self._stack = contextlib.ExitStack()
        self._log: MetricsLog | None = None
        self._bar: Progress | None = None
        self._saver: Saver | None = None
        if not world.is_first:
            return
        wandb = None
        if experiment.logging.wandb:
            wandb = self._stack.enter_context(WandbLog(experiment, identity, folder))
        self._log = self._stack.enter_context(MetricsLog(folder, first, wandb))
        self._log.write(
            first,
            "start",
            device=device_name(world.device),
            world_size=world.size,
            created=now(),
            code_version=code_version(),
        )
        self._bar = self._stack.enter_context(
            progress(f"train {experiment.name}", last, "step", initial=first)
        )
        keep = experiment.training.keep_last
        self._saver = self._stack.enter_context(
            Saver(folder, experiment.name, keep, self._log_save)
        )

    def stepped(self) -> None:
        """One more step is done. Raises CheckpointError if a checkpoint could not be written meanwhile."""
        if self._bar and self._saver:
            self._bar.update()
            self._saver.check()

    def log_step(
        self, step: int, loss: float, result: StepResult, lap: tuple[int, float], num_tokens: int
    ) -> None:
        """loss: of the whole batch, nats a token. lap: steps and seconds since the last. num_tokens: of a batch."""
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
        """Mean loss in nats a token, and its standard error."""
        if self._log:
            self._log.write(step, "validation", loss_nats_per_token=nats, standard_error=error)

    def save(self, state: TrainState, *, public: bool) -> None:
        """Keep a state to resume from; public: a checkpoint as well."""
        if self._saver:
            self._saver.hand_over(
                lambda: state.to_host(self._experiment, self._identity, self._world.size),
                public=public,
            )

    def _log_save(self, step: int, stood_still: float, writing: float) -> None:
        if self._log:
            self._log.write(
                step, "save", seconds_training_stood_still=stood_still, seconds_of_writing=writing
            )

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)
