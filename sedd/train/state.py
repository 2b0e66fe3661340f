"""Everything a run needs to go on exactly where it stopped.

The data position and the random state need no fields of their own: block n of the stream, the noise of step n and its
dropout all derive from (seed, n), so the step says them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sedd.checkpoints.build import build_model
from sedd.checkpoints.run_checkpoint import FORMAT
from sedd.config import Experiment
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.runtime.seeds import generator
from sedd.train.optim import build_optimizer

RESUMING = {"optimizer", "world_size"}  # what a state has beside the keys of a checkpoint


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

    def to_host(self, experiment: Experiment, identity: str, world_size: int) -> dict[str, Any]:
        """A copy of everything in host memory, which training can go on beside: a checkpoint with the keys RESUMING."""
        return {
            "format": FORMAT,
            "step": self.step,
            "identity": identity,
            "experiment": experiment.model_dump(mode="json"),
            "vocab_size": self.vocab_size,
            "model": host_copy(self.model.state_dict()),
            "ema": host_copy(self.ema.state_dict()),
            "optimizer": host_copy(self.optimizer.state_dict()),
            "world_size": world_size,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take over a saved state of the same settings."""
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]


def host_copy(value: Any) -> Any:
    """A copy of nested dictionaries and lists whose tensors lie in host memory and belong to nobody else."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: host_copy(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [host_copy(inner) for inner in value]
    return value
