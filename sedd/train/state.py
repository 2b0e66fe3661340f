"""Training state: everything that a run needs to resume exactly where it stopped.

Data position and random state need no fields. Batch, noise and dropout of a step derive from
(seed, step) alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sedd.checkpoints.build import build_model
from sedd.checkpoints.run_checkpoint import FORMAT
from sedd.config import Experiment
from sedd.errors import CheckpointError, first_line
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.runtime.seeds import generator
from sedd.train.optim import build_optimizer
from sedd.train.output_init import init_output_layer

RESUME_KEYS = {"optimizer", "world_size"}  # keys of a state that a checkpoint does not have
SKIPPED = "num_skipped"  # optional key of a state: steps left out, if there are any


@dataclass
class TrainState:
    """Network, its moving average, optimizer, and the number of completed optimizer steps.

    tokenizer_sha256: hash of the vocabulary of the training tokens; None: unknown.
    num_skipped: how many of the steps changed nothing, because their gradient was not finite.
    """

    model: DiffusionTransformer
    ema: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer
    vocab_size: int
    step: int = 0
    tokenizer_sha256: str | None = None
    num_skipped: int = 0

    @classmethod
    def fresh(
        cls,
        experiment: Experiment,
        vocab_size: int,
        device: torch.device,
        token_counts: np.ndarray | None = None,
    ) -> TrainState:
        """The state at step 0, with weights initialized from the experiment's seed.

        token_counts: see `init_output_layer`.
        """
        model = build_model(experiment, vocab_size, generator(experiment.seed, "weights"))
        init_output_layer(model, experiment, token_counts)
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
            "tokenizer_sha256": self.tokenizer_sha256,
            "model": host_copy(self.model.state_dict()),
            "ema": host_copy(self.ema.state_dict()),
            "optimizer": host_copy(self.optimizer.state_dict()),
            "world_size": world_size,
            **({SKIPPED: self.num_skipped} if self.num_skipped else {}),
        }

    def load(self, content: Mapping[str, Any]) -> None:
        """Restore a saved state of the same settings. Raises CheckpointError if it does not fit."""
        try:
            self.model.load_state_dict(content["model"])
            self.ema.load_state_dict(content["ema"])
            self.optimizer.load_state_dict(content["optimizer"])
        # torch checks little of an optimizer's state before it uses it
        except (ValueError, LookupError, TypeError, RuntimeError, AttributeError) as error:
            raise CheckpointError(
                f"the state of step {content['step']} does not fit its own settings: {first_line(error)}; "
                f"delete state_{content['step']}.pt, and the run resumes from an earlier state"
            ) from error
        self.step = content["step"]
        self.num_skipped = content.get(SKIPPED, 0)


def host_copy(value: Any) -> Any:
    """Copy nested dictionaries and lists, with all tensors copied to host memory.

    Equal keys become one object: pickle writes a second object again, so that the file of a resumed
    run would differ from that of an uninterrupted one.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {_one_object(key): host_copy(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [host_copy(inner) for inner in value]
    return value


def _one_object(key: Any) -> Any:
    return sys.intern(key) if type(key) is str else key
