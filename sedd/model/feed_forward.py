"""The MLP of a block: two layers, with the GELU of the published models in its form with tanh between them.

H hidden width. Names of the parameters are those of the published checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sedd.model.initial import linear

GROUP = 2**16  # elements worked on at once by each thread, which stay in the cache of its core
SLOPE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def feed_forward_layers(width: int) -> nn.Sequential:
    """From (..., H) to 4 H and back."""
    return nn.Sequential(
        linear(width, 4 * width), nn.GELU(approximate="tanh"), linear(4 * width, width)
    )


def feed_forward(layers: nn.Sequential, x: Tensor) -> Tensor:
    """layers(x), of `feed_forward_layers`.

    On a CPU, bias and GELU are worked out in groups that the cache holds, in place where no gradient is wanted: memory costs as
    much as the arithmetic, and a bias that goes with the product is first written to all of the result.
    """
    up, _, down = layers
    if type(up) is not nn.Linear or not _in_groups(x):
        return layers(x)
    product = F.linear(x, up.weight)
    if torch.is_grad_enabled():
        return down(_BiasedTanhGELU.apply(product, up.bias))
    return down(biased_tanh_gelu(product, up.bias, out=product))


def _in_groups(x: Tensor) -> bool:
    wide = x.dtype in (torch.float32, torch.float64)  # in others every step would round
    plain = not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()
    return x.device.type == "cpu" and wide and plain


def biased_tanh_gelu(x: Tensor, bias: Tensor, out: Tensor) -> Tensor:
    """GELU of x + bias into `out`, which may be x; both contiguous. x: (..., m); bias: (m,).

    GELU of x is x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), and (1 + tanh u) / 2 is the logistic function of
    2u, which PyTorch computes on a CPU in a fifth of the time of tanh.
    """
    for part, result, (share, *_) in _groups(bias.numel(), 1, x, out):
        torch.add(part, bias, out=result)
        torch.mul(result, result, out=share)
        share.mul_(SLOPE * CUBE).add_(SLOPE).mul_(result).sigmoid_()
        result.mul_(share)
    return out


def biased_tanh_gelu_gradient(x: Tensor, bias: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """Of the sum of upstream * GELU(x + bias), by x and by bias. upstream: as x, contiguous.

    With s the logistic function of v(x) = 2u, the derivative of x s is s + x v' s (1 - s).
    """
    gradient = torch.empty_like(x)
    bias_gradient = torch.zeros_like(bias)
    for part, above, result, (value, share, slope) in _groups(
        bias.numel(), 3, x, upstream, gradient
    ):
        torch.add(part, bias, out=value)
        torch.mul(value, value, out=slope)
        torch.mul(slope, SLOPE * CUBE, out=share).add_(SLOPE).mul_(value).sigmoid_()
        slope.mul_(3 * SLOPE * CUBE).add_(SLOPE).mul_(share).addcmul_(slope, share, value=-1)
        torch.mul(above, torch.addcmul(share, value, slope, out=value), out=result)
        bias_gradient += result.sum(0)
    return gradient, bias_gradient


def _groups(width: int, scratch: int, *tensors: Tensor) -> Iterator[tuple[Any, ...]]:
    """Rows (r, width) of each tensor in turn, and as many tables of the shape as `scratch` says, which are used again."""
    rows = [tensor.view(-1, width) for tensor in tensors]
    size = max(1, GROUP * torch.get_num_threads() // width)
    spare = [torch.empty_like(rows[0][:size]) for _ in range(scratch)]
    for parts in zip(*(each.split(size) for each in rows), strict=True):
        yield *parts, [each[: parts[0].shape[0]] for each in spare]


class _BiasedTanhGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, bias)
        return biased_tanh_gelu(x, bias, out=torch.empty_like(x))

    @staticmethod
    @torch.autograd.function.once_differentiable  # untyped in torch, hence the exemption below
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor, Tensor]:
        (upstream,) = grad_outputs
        x, bias = ctx.saved_tensors
        return biased_tanh_gelu_gradient(x, bias, upstream.contiguous())
