"""Sums over the vocabulary, and their gradients, without a table of logits.

The score entropy of a position is a plain sum over states, with no normaliser. With z = h W^T + b
the logits of row n, each graph can write it as

    value_n = a_n sum_rest (e^z_ny - r_n - r_n (z_ny - log r_n)) + q_n (e^u_n - 1 - u_n)
    u_n = z_n,target + d_n

with `rest` all states but the target and, unless r = 0, the current one. So one pass over pieces
of the vocabulary gives the values and every gradient, and nothing of size n x V ever exists.

n rows, H features, V states summed over (never the mask), W (V or V + 1, H), b (V or V + 1,).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.fast.precision import (
    accumulation_dtype,
    add_product_,
    exp_product_into,
    product_into,
)

# Of the scratch table (n, piece), by kind of device. CPU, measured: as many as the cache holds. CUDA, by arithmetic: a piece
# takes about 10 kernels, 5 us each to launch. At n = 32k rows of 768 features, 2^26 elements are 25 pieces: 1.3 ms of launches
# beside 8 ms of products at 989 TFLOP/s and some 13 ms of memory traffic, 26 bytes an element, for a table of 256 MiB (and half
# as much again in bfloat16). Pieces that fit the second-level cache, 2^22, would take 20 ms to launch.
PIECE_ELEMENTS = {"cpu": 2**19, "cuda": 2**26}
# A piece has a multiple of so many states, so that the rows of its table begin where lines of the cache do: products into one
# that is a state or two wider take up to a tenth longer (CPU, measured at 400 to 600 rows of 256 features).
PIECE_MULTIPLE = 64


@dataclass(frozen=True)
class RestRatio:
    """What is true of the rest where it is not 0; each (n,)."""

    current: Tensor  # x
    logit: Tensor  # log r, at which the logits of the rest would be right


@dataclass(frozen=True)
class RowTerms:
    """The letters of the sum above, each (n,); float64, for they are few and their differences
    matter. rest: None if r = 0.
    """

    target: Tensor  # x0
    exp_weight: Tensor  # a
    target_weight: Tensor  # q
    target_shift: Tensor  # d
    rest: RestRatio | None = None

    def scaled(self, factor: Tensor | float) -> RowTerms:
        """The terms of factor_n * value_n. factor: (n,), or one number."""
        return dataclasses.replace(
            self,
            exp_weight=self.exp_weight * factor,
            target_weight=self.target_weight * factor,
        )


@dataclass(frozen=True)
class Gradients:
    """Buffers for the gradients of the sum of all values."""

    features: Tensor  # (n, H)
    weight: Tensor  # as W
    bias: Tensor  # as b

    @classmethod
    def for_inputs(cls, features: Tensor, weight: Tensor, bias: Tensor) -> Gradients:
        """Empty buffers; float32 at least, whatever the inputs are."""
        wide = [accumulation_dtype(tensor.dtype) for tensor in (features, weight, bias)]
        return cls(
            torch.zeros_like(features, dtype=wide[0]),
            torch.empty_like(weight, dtype=wide[1]),
            torch.empty_like(bias, dtype=wide[2]),
        )

    def scale_(self, factor: Tensor) -> None:
        for tensor in (self.features, self.weight, self.bias):
            tensor.mul_(factor.to(tensor.dtype))


def pieces(num_rows: int, num_states: int, device: torch.device) -> Iterator[slice]:
    """Ranges of states, equal but for the last, such that a table (num_rows, piece) has about
    `PIECE_ELEMENTS` elements.
    """
    elements = PIECE_ELEMENTS.get(device.type, PIECE_ELEMENTS["cuda"])
    width = max(256, elements // max(num_rows, 1))
    width = -(-num_states // -(-num_states // width))
    width = -(-width // PIECE_MULTIPLE) * PIECE_MULTIPLE
    for start in range(0, num_states, width):
        yield slice(start, min(num_states, start + width))


@torch.no_grad()
def vocabulary_sum(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    terms: RowTerms,
    num_states: int,
    compute: torch.dtype,
    gradients: Gradients | None = None,
) -> Tensor:
    """value_n of every row, (n,), in float64; fills `gradients`, if given, with those of the sum of
    the values.

    features: (n, H). num_states: V. compute: the dtype in which logits are multiplied.
    """
    wide = accumulation_dtype(compute)
    h = features.to(compute)
    a = terms.exp_weight.to(wide)
    weighted = (h * a[:, None]).to(compute)
    target = _Column(terms.target, h, weight, bias)
    left_out = [target.state]
    exact_ratio = ratio = None
    if terms.rest is not None:
        left_out.append(terms.rest.current)
        exact_ratio = terms.rest.logit.exp()  # r
        ratio = exact_ratio.to(wide)

    ranges = list(pieces(h.shape[0], num_states, h.device))
    exp_sums = h.new_zeros((len(ranges), h.shape[0]), dtype=wide)
    weight_sum = torch.zeros(h.shape[1], dtype=wide, device=h.device)
    # of the largest table, and a place for what belongs to none
    scratch = torch.empty(h.shape[0] * ranges[0].stop + 1, dtype=wide, device=h.device)
    elsewhere = scratch.shape[0] - 1
    piece_of, place = _places(torch.stack(left_out), num_states, ranges[0].stop)
    for index, piece in enumerate(ranges):
        w = weight[piece].to(compute)
        table = scratch[: h.shape[0] * w.shape[0]].view(h.shape[0], w.shape[0])
        exp_product_into(table, h, w.t(), add=bias[piece].to(wide))
        if ratio is not None:
            # off each entry, not off the products: the slope of a logit, a (e^z - r), may be small beside e^z
            table.sub_(ratio[:, None])
            weight_sum += w.sum(0, dtype=wide)
        scratch.index_fill_(0, torch.where(piece_of == index, place, elsewhere), 0.0)
        torch.sum(table, -1, out=exp_sums[index])
        if gradients is not None:
            slope = table.to(compute)
            add_product_(gradients.features, slope, w)
            product_into(gradients.weight[piece], slope.t(), weighted)
            torch.mv(table.t(), a, out=gradients.bias[piece])

    u = target.logit + terms.target_shift
    exp_sum = exp_sums.sum(0, dtype=torch.float64)
    values = terms.exp_weight * exp_sum + terms.target_weight * (torch.expm1(u) - u)
    if gradients is not None:
        gradients.features.mul_(a[:, None])
        gradients.weight[num_states:] = 0.0
        gradients.bias[num_states:] = 0.0
        target.add_slope_(gradients, terms.target_weight * torch.expm1(u))
    if terms.rest is not None:
        assert exact_ratio is not None
        assert ratio is not None
        current = _Column(terms.rest.current, h, weight, bias)
        rest, count = _rest_logits(target, current, weight_sum, bias[:num_states])
        linear = exact_ratio * (rest - count * terms.rest.logit)
        values += terms.exp_weight * (count * (ratio - exact_ratio) - linear)
    return values


class _Column:
    """One logit of each row, and what its derivative adds to the gradients."""

    def __init__(self, state: Tensor, h: Tensor, weight: Tensor, bias: Tensor):
        self.state = state
        self.h = h.to(accumulation_dtype(h.dtype))
        self.w = weight[state].to(h.dtype).to(self.h.dtype)
        self.logit = ((self.h * self.w).sum(-1) + bias[state]).double()  # (n,)

    def add_slope_(self, gradients: Gradients, slope: Tensor) -> None:
        """slope: (n,), the derivative of the sum by this logit."""
        slope = slope.to(self.h.dtype)
        gradients.features.addcmul_(self.w, slope[:, None])
        gradients.weight.index_add_(0, self.state, self.h * slope[:, None])
        gradients.bias.index_add_(0, self.state, slope)


def _rest_logits(
    target: _Column, current: _Column, weight_sum: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """The sum of the logits of the rest, and their number, each (n,): the sum over all states is one product with the sum of the
    weights (H,), from which the target and the current state are taken off.
    """
    differ = target.state != current.state
    total = (current.h @ weight_sum).double() + bias.sum(dtype=torch.float64)
    rest = total - current.logit - torch.where(differ, target.logit, 0.0)
    return rest, bias.shape[0] - 1 - differ.double()


def _places(states: Tensor, num_states: int, width: int) -> tuple[Tensor, Tensor]:
    """Of entries of the rows, `states` (c, n), c of each row: the number of the piece that has them, -1 for none, and where they
    lie in the memory of its table. width: of all pieces but the last. Returns twice (c * n,).
    """
    piece = torch.where(states < num_states, states // width, -1)
    own_width = (num_states - piece * width).clamp(max=width)
    row = torch.arange(states.shape[1], device=states.device)
    return piece.flatten(), (row * own_width + states - piece * width).flatten()
