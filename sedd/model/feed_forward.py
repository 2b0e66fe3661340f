"""The MLP of a block: two layers, with the GELU of the published models in its form with tanh between them.

H hidden width. Names of the parameters are those of the published checkpoints.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.initial import linear

GROUP = 2**16  # elements worked on at once by each thread, which stay in the cache of its core
SLOPE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


class FeedForward(nn.Sequential):
    """From (..., H) to 4 H and back.

    Where no gradient is wanted, on a CPU, bias and GELU are worked out in place: fresh memory costs as much as the arithmetic,
    and a bias that goes with the product is first written to all of the result.
    """

    def __init__(self, width: int):
        super().__init__(
            linear(width, 4 * width), nn.GELU(approximate="tanh"), linear(4 * width, width)
        )

    def forward(self, input: Tensor) -> Tensor:
        if not self._in_place(input):
            return super().forward(input)
        up, _, down = self
        assert isinstance(up, nn.Linear)
        return down(biased_tanh_gelu_(F.linear(input, up.weight), up.bias))

    def _in_place(self, x: Tensor) -> bool:
        wide = x.dtype in (torch.float32, torch.float64)  # in others every step would round
        told = torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")
        return x.device.type == "cpu" and wide and not told and not torch.compiler.is_compiling()


def biased_tanh_gelu_(x: Tensor, bias: Tensor) -> Tensor:
    """GELU of x + bias, in the place of x, which is contiguous. x: (..., m); bias: (m,).

    GELU of x is x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), and (1 + tanh u) / 2 is the logistic function of
    2u, which PyTorch computes on a CPU in a fifth of the time of tanh.
    """
    rows = x.view(-1, bias.numel())
    group = max(1, GROUP * torch.get_num_threads() // bias.numel())
    scratch = torch.empty_like(rows[:group])
    for part in rows.split(group):
        share = scratch[: part.shape[0]]
        torch.mul(part.add_(bias), part, out=share)
        share.mul_(SLOPE * CUBE).add_(SLOPE).mul_(part).sigmoid_()
        part.mul_(share)
    return x
