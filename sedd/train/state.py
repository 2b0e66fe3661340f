"""Everything a run needs to go on exactly where it stopped.

The data position and the random state need no fields of their own: block n of the stream, the noise of step n and its
dropout all derive from (seed, n), so the step says them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from sedd.build import build_model, build_optimizer
from sedd.checkpoint import FORMAT
from sedd.config import Experiment
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.seeds import generator


@dataclass
class TrainState:
    """Network, its moving average, optimiser, and the number of optimiser steps taken."""

    model: DiffusionTransformer
    ema: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer
    vocab_size: int
    step: int = 0

    @classmethod
    def fresh(cls, experiment: Experiment, vocab_size: int, device: torch.device) -> TrainState:
        """The state before the first step: weights drawn from the experiment's seed."""
        model = build_model(experiment, vocab_size, generator(experiment.seed, "weights"))
        model.to(device)
        ema = ExponentialMovingAverage(model, experiment.training.ema_decay)
        return cls(model, ema, build_optimizer(experiment, model), vocab_size)

    def to_checkpoint(self, experiment: Experiment, identity: str) -> dict[str, Any]:
        """What `sedd.checkpoint.save` writes."""
        return {
            "format": FORMAT,
            "step": self.step,
            "identity": identity,
            "experiment": experiment.model_dump(mode="json"),
            "vocab_size": self.vocab_size,
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Take over the state of a checkpoint of the same settings."""
        self.model.load_state_dict(checkpoint["model"])
        self.ema.load_state_dict(checkpoint["ema"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.step = checkpoint["step"]
