"""Training state: everything that a run needs to resume exactly where it stopped.

Data position and random state need no fields. Batch, noise and dropout of a step derive from
(seed, step) alone.
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

RESUME_KEYS = {"optimizer", "world_size"}  # keys of a state that a checkpoint does not have


@dataclass
class TrainState:
    """Network, its moving average, optimizer, and the number of completed optimizer steps."""

    model: DiffusionTransformer
    ema: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer
    vocab_size: int
    step: int = 0

    @classmethod
    def fresh(cls, experiment: Experiment, vocab_size: int, device: torch.device) -> TrainState:
        """The state at step 0, with weights initialized from the experiment's seed."""
        model = build_model(experiment, vocab_size, generator(experiment.seed, "weights"))
        model.to(device)
        ema = ExponentialMovingAverage(model, experiment.training.ema_decay)
        return cls(model, ema, build_optimizer(experiment, model), vocab_size)

    def to_host(self, experiment: Experiment, identity: str, world_size: int) -> dict[str, Any]:
        """Copy the state to host memory, so that training can continue while it is written.

        The result has the keys of a checkpoint and RESUME_KEYS.
        """
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

    def load(self, content: Mapping[str, Any]) -> None:
        """Restore a saved state of the same settings."""
        self.model.load_state_dict(content["model"])
        self.ema.load_state_dict(content["ema"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step = content["step"]


def host_copy(value: Any) -> Any:
    """Copy nested dictionaries and lists, with all tensors copied to host memory."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: host_copy(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [host_copy(inner) for inner in value]
    return value
