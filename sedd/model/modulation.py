"""Shifts, scales and gates of the blocks: maps from the conditioning, or learned constants.

A network without noise input has constants.
B batch, C width of the conditioning, m width of a layer's modulation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.initial import linear


class Constant(nn.Module):
    """A learned constant (m,), named as the bias of a linear layer without inputs."""

    def __init__(self, outputs: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))


def modulation_layer(cond_dim: int | None, outputs: int) -> nn.Module:
    """A layer of m = `outputs` modulations. cond_dim: C, or None without conditioning."""
    return Constant(outputs) if cond_dim is None else linear(cond_dim, outputs)


def modulations(layers: Sequence[nn.Module], condition: Tensor | None) -> Tensor:
    """Modulations of all layers, concatenated, by one product: (B, sum of m).

    condition: (B, C), (1, C) or None; (1, sum of m) for the last two.
    """
    bias = torch.cat([layer.get_parameter("bias") for layer in layers])
    if condition is None:
        return bias[None]
    weight = torch.cat([layer.get_parameter("weight") for layer in layers])
    return F.linear(condition, weight, bias)
