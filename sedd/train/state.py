"""Everything a run needs to go on exactly where it stopped.

The data position and the random state need no fields of their own: block n of the stream, the noise of step n and its
dropout all derive from (seed, n), so the step says them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sedd.build import build_model, build_optimizer
from sedd.checkpoint import FORMAT
from sedd.config import Experiment
from sedd.model import DiffusionTransformer, ExponentialMovingAverage
from sedd.seeds import derive_seed


@dataclass
class TrainState:
    """Network, its moving average, optimiser, and the number of optimiser steps taken."""

    model: DiffusionTransformer
    ema: ExponentialMovingAverage
    optimizer: torch.optim.Optimizer
    vocab_size: int
    step: int = 0

    @classmethod
    def fresh(cls, experiment: Experiment, counts: np.ndarray, device: torch.device) -> TrainState:
        """The state before the first step: weights drawn from the experiment's seed.

        counts: (vocab_size,) how often each token occurs in the training split.
        """
        vocab_size = len(counts)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(experiment.seed, "weights"))
            model = build_model(experiment, vocab_size)
        if experiment.training.output_bias == "unigram":
            set_unigram_bias(model, counts)
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


@torch.no_grad()
def set_unigram_bias(model: DiffusionTransformer, counts: np.ndarray) -> None:
    """Let a fresh network, whose other output weights are zero, predict each token as often as it occurs.

    counts: (V,). Of an absorbing model scaled by sigma, whose log score is z_y - log(e^sigma - 1) - log V, the ratio
    p_y / (e^sigma - 1) is z_y = log(p_y V). One is added to each count.
    differs from the official code, which starts at zero: in a large vocabulary and few steps, most of the training
    would go into the frequencies.
    """
    share = torch.from_numpy((counts + 1.0) / (counts + 1.0).sum())
    _, bias = model.vocabulary_layer()
    bias[: len(counts)] = torch.log(share * len(counts)).to(bias.dtype)
