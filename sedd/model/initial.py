"""Initial weights: the published distribution, drawn from an explicit generator.

Linear layers and the token embedding are uniform within 1 / sqrt(inputs), as in PyTorch.
Modulations and the vocabulary layer are zero, so that every block begins as the identity, and the
log scores of a new network depend on the noise alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class LinearWithoutDraws(nn.Linear):
    """nn.Linear with empty weights: it draws nothing from torch's global generator.

    `nn.utils.skip_init` does the same, but imports sympy, which takes half a second.
    """

    def reset_parameters(self) -> None:
        """Leave the weights as they are."""


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """A linear layer with empty weights."""
    return LinearWithoutDraws(inputs, outputs, bias=bias)


@torch.no_grad()
def draw_uniform_(weight: Tensor, inputs: int, generator: torch.Generator | None) -> None:
    """Fill with draws from [-b, b], b = 1 / sqrt(inputs)."""
    bound = 1 / math.sqrt(inputs)
    weight.uniform_(-bound, bound, generator=generator)


def draw_linear_(layer: nn.Linear, generator: torch.Generator | None) -> None:
    """Fill the weight and the bias of a layer, see `draw_uniform_`."""
    draw_uniform_(layer.weight, layer.in_features, generator)
    if layer.bias is not None:
        draw_uniform_(layer.bias, layer.in_features, generator)


def clear_(layer: nn.Module) -> None:
    """Set all parameters to zero."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
