"""Stop a training at the first loss or gradient that is not finite, or skip a number of such steps."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch

from sedd.config import Experiment
from sedd.errors import TrainingError
from sedd.train.saver import state_steps
from sedd.train.state import TrainState
from sedd.train.step import StepResult

SHOWN = 5  # gradient norms in a message
INTERVAL = 50  # steps between reads on a GPU; each read waits for the device


class GradientCheck:
    """Reads the gradient norms of a training.

    Call `check` before weights are measured, logged or saved: it raises if a step up to then was
    bad. folder: the trainer's, whose newest state the message names. finish_write: waits for the
    write of a state that has begun.
    """

    def __init__(self, experiment: Experiment, folder: Path, finish_write: Callable[[], None]):
        self._experiment, self._folder, self._finish_write = experiment, folder, finish_write
        self._unread: list[tuple[int, StepResult]] = []
        self._before: deque[float] = deque(maxlen=SHOWN)

    def add(self, step: int, result: StepResult) -> None:
        """Note the result of optimizer step `step`, counted from 1."""
        self._unread.append((step, result))

    @property
    def is_due(self) -> bool:
        """Whether to check now, even if nothing is logged or saved."""
        norm = self._unread[-1][1].grad_norm
        skips = self._experiment.training.skip_nonfinite > 0
        return norm.device.type == "cpu" or skips or len(self._unread) >= INTERVAL

    def check(self, state: TrainState) -> list[int]:
        """Read the norms of new steps, and return the steps that were skipped.

        Raises TrainingError if one is not finite and no more steps may be skipped.
        """
        if not self._unread:
            return []
        results, self._unread = self._unread, []
        norms = torch.stack([result.grad_norm for _, result in results]).tolist()
        skipped = []
        for (step, result), norm in zip(results, norms, strict=True):
            if math.isfinite(norm):
                self._before.append(norm)
            elif state.num_skipped <= self._experiment.training.skip_nonfinite != 0:
                skipped.append(step)
            else:
                raise TrainingError(self._message(step, result.lr, norm, state.num_skipped))
        return skipped

    def _message(self, step: int, lr: float, norm: float, num_skipped: int) -> str:
        run, allowed = self._experiment.name, self._experiment.training.skip_nonfinite
        before = ", ".join(f"{one:.3g}" for one in self._before) or "none, it is the first"
        self._finish_write()
        states = state_steps(self._folder)
        newest = f"step {states[-1]}" if states else "none yet"
        count = f", after {num_skipped - 1} steps that were skipped" if allowed else ""
        return (
            f"{run}: step {step}: the loss or its gradient is not finite (gradient norm {norm}){count}; "
            f"learning rate {lr:.3g}; gradient norms of the steps before: {before}. Nothing was saved "
            f"after it; newest good state: {newest}. Lower training.lr or training.grad_clip, use "
            "precision float32, or skip up to N such steps with training.skip_nonfinite=N, which "
            "resumes from the newest state"
        )
