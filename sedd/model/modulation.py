"""Shifts, scales and gates of the blocks: maps from the conditioning, or, in a network that is told no noise level, learned
constants.

B batch, C width of the conditioning, m width of a layer's modulation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.initial import linear


class Constant(nn.Module):
    """What is left of a linear layer that is given nothing: its bias (m,)."""

    def __init__(self, outputs: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))


def modulation_layer(cond_dim: int | None, outputs: int) -> nn.Module:
    """cond_dim: C, or None if there is no conditioning."""
    return Constant(outputs) if cond_dim is None else linear(cond_dim, outputs)


def modulations(layers: Sequence[nn.Module], condition: Tensor | None) -> Tensor:
    """The modulations of all layers side by side, by one product: (B, sum of m); (1, sum of m) without conditioning.

    condition: (B, C) or (1, C).
    """
    bias = torch.cat([layer.get_parameter("bias") for layer in layers])
    if condition is None:
        return bias[None]
    weight = torch.cat([layer.get_parameter("weight") for layer in layers])
    return F.linear(condition, weight, bias)
