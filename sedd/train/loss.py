"""The loss of a training step: the whole score entropy, or, in a large vocabulary, an estimate of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from sedd.config import Experiment
from sedd.diffusion import (
    Absorb,
    Graph,
    VocabularyDraw,
    sampled_score_entropy,
    weighted_score_entropy,
)
from sedd.model import DiffusionTransformer

# (model, sigma, weight, xt, x0, draws) -> weight_b times the score entropy of sequence b, (B,) nats.
# sigma, weight: (B,); xt, x0: (B, L) noisy and clean tokens; draws: what the loss draws itself.
Loss: TypeAlias = Callable[
    [DiffusionTransformer, Tensor, Tensor, Tensor, Tensor, torch.Generator], Tensor
]


class TrainingLoss(nn.Module):
    """A loss with its network: what gradients are averaged of, over several processes.

    Wrapping the network itself would not do: the fused loss never calls its forward.
    """

    def __init__(self, model: DiffusionTransformer, loss: Loss):
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(
        self, sigma: Tensor, weight: Tensor, xt: Tensor, x0: Tensor, draws: torch.Generator
    ) -> Tensor:
        """As `Loss`: (B,) nats."""
        return self.loss(self.model, sigma, weight, xt, x0, draws)


def build_loss(experiment: Experiment, graph: Graph, counts: np.ndarray) -> Loss:
    """The loss that the configuration asks for. counts: (V,) how often each token occurs in the training split."""
    count = experiment.training.vocabulary_draws
    if count is None:
        return lambda model, sigma, weight, xt, x0, draws: weighted_score_entropy(
            model, graph, sigma, weight, xt, x0
        )
    assert isinstance(graph, Absorb), "the configuration's rules see to it"
    law = drawing_law(counts)

    return lambda model, sigma, weight, xt, x0, draws: sampled_score_entropy(
        model,
        graph,
        sigma,
        weight,
        xt,
        x0,
        VocabularyDraw.draw(law, count, draws).to(x0.device),
    )


def drawing_law(counts: np.ndarray) -> Tensor:
    """Half as often as in the text, half uniform: (V,). So no weight 1 / q exceeds 2 V, and common tokens have little noise."""
    share = torch.from_numpy(counts / counts.sum())
    return ((share + 1 / len(counts)) / 2).float()
