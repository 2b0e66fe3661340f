"""The loss of a training step with its network, as one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sedd.model import DiffusionTransformer
from sedd.objective import Corrupted, Objective


class TrainingLoss(nn.Module):
    """An objective with its network: what gradients are averaged of, over several processes.

    Wrapping the network itself would not do: the losses never call its forward.
    """

    def __init__(self, model: DiffusionTransformer, objective: Objective):
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Corrupted, draws: torch.Generator) -> Tensor:
        """(B,) nats. draws: for what the loss draws itself."""
        return self.objective.loss(self.model, batch, draws)
