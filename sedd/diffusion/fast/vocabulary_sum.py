"""Sums over the vocabulary, and their gradients, without a table of logits.

The score entropy of a position is a plain sum over states, without the normalizer of a softmax.
With the logits z = h W^T + b of row n, each graph can write it as

    value_n = a_n sum_rest (e^z_ny - r_n - r_n (z_ny - log r_n)) + q_n (e^u_n - 1 - u_n)
    u_n = z_n,target + d_n

where `rest` is all states but the target and, unless r = 0, the current one. So one pass over
chunks of the vocabulary gives the values and all gradients. No table n x V ever exists.

n rows, H features, V states in the sum (never the mask).
h: (n, H). W: (V, H) or (V + 1, H). b: (V,) or (V + 1,).
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

# Elements of the scratch table (n, chunk), by kind of device. CPU, measured: as many as fit the
# cache. CUDA, calculated: a chunk takes about 10 kernels, 5 us each to launch. At n = 32k rows of
# 768 features, 2^26 elements make 25 chunks: 1.3 ms of launches beside 8 ms of products at
# 989 TFLOP/s and some 13 ms of memory traffic (26 bytes per element), for a table of 256 MiB (half
# as much again in bfloat16). Chunks that fit the second-level cache, 2^22, would take 20 ms to
# launch.
CHUNK_ELEMENTS = {"cpu": 2**19, "cuda": 2**26}
# A chunk has a multiple of this number of states, so that the rows of its table begin at cache
# lines. Products into a table that is a state or two wider take up to a tenth longer (CPU, measured
# at 400 to 600 rows of 256 features).
CHUNK_MULTIPLE = 64


@dataclass(frozen=True)
class RestRatio:
    """The true ratio r of the rest, where it is not 0. Each (n,)."""

    current: Tensor  # x
    logit: Tensor  # log r: the logit that is right for the rest


@dataclass(frozen=True)
class RowTerms:
    """The symbols of the sum above, each (n,). rest: None if r = 0.

    float64: rows are few, and differences of these terms matter.
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
        """New buffers, float32 or wider."""
        wide = [accumulation_dtype(tensor.dtype) for tensor in (features, weight, bias)]
        return cls(
            torch.zeros_like(features, dtype=wide[0]),
            torch.empty_like(weight, dtype=wide[1]),
            torch.empty_like(bias, dtype=wide[2]),
        )

    def scale_(self, factor: Tensor) -> None:
        """Multiply all gradients by a scalar."""
        for tensor in (self.features, self.weight, self.bias):
            tensor.mul_(factor.to(tensor.dtype))


def vocabulary_chunks(num_rows: int, num_states: int, device: torch.device) -> Iterator[slice]:
    """Ranges of states such that a table (num_rows, chunk) has about `CHUNK_ELEMENTS` elements.

    All ranges but the last have equal width.
    """
    elements = CHUNK_ELEMENTS.get(device.type, CHUNK_ELEMENTS["cuda"])
    width = max(256, elements // max(num_rows, 1))
    width = -(-num_states // -(-num_states // width))
    width = -(-width // CHUNK_MULTIPLE) * CHUNK_MULTIPLE
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
    """value_n of every row: (n,) float64.

    features: h. weight, bias: W, b. num_states: V. compute: dtype of the inputs of products.
    gradients: buffers to fill with the gradients of the sum of all values, or None.
    """
    wide = accumulation_dtype(compute)
    h = features.to(compute)
    a = terms.exp_weight.to(wide)
    weighted = (h * a[:, None]).to(compute)
    target = _Column(terms.target, h, weight, bias)
    excluded = [target.state]
    exact_ratio = ratio = None
    if terms.rest is not None:
        excluded.append(terms.rest.current)
        exact_ratio = terms.rest.logit.exp()  # r
        ratio = exact_ratio.to(wide)

    chunks = list(vocabulary_chunks(h.shape[0], num_states, h.device))
    exp_sums = h.new_zeros((len(chunks), h.shape[0]), dtype=wide)
    weight_sum = torch.zeros(h.shape[1], dtype=wide, device=h.device)
    # the largest table, and one element for excluded entries that are in another chunk
    scratch = torch.empty(h.shape[0] * chunks[0].stop + 1, dtype=wide, device=h.device)
    unused = scratch.shape[0] - 1
    chunk_of, offset = _table_offsets(torch.stack(excluded), num_states, chunks[0].stop)
    for index, chunk in enumerate(chunks):
        w = weight[chunk].to(compute)
        table = scratch[: h.shape[0] * w.shape[0]].view(h.shape[0], w.shape[0])
        exp_product_into(table, h, w.t(), add=bias[chunk].to(wide))
        if ratio is not None:
            # subtracted from each entry, not from the products: the gradient of a logit,
            # a (e^z - r), may be small beside e^z
            table.sub_(ratio[:, None])
            weight_sum += w.sum(0, dtype=wide)
        scratch.index_fill_(0, torch.where(chunk_of == index, offset, unused), 0.0)
        torch.sum(table, -1, out=exp_sums[index])
        if gradients is not None:
            slope = table.to(compute)
            add_product_(gradients.features, slope, w)
            product_into(gradients.weight[chunk], slope.t(), weighted)
            torch.mv(table.t(), a, out=gradients.bias[chunk])

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
    """One logit of each row, and the contribution of its derivative to the gradients."""

    def __init__(self, state: Tensor, h: Tensor, weight: Tensor, bias: Tensor):
        self.state = state
        self.h = h.to(accumulation_dtype(h.dtype))
        self.w = weight[state].to(h.dtype).to(self.h.dtype)
        self.logit = ((self.h * self.w).sum(-1) + bias[state]).double()  # (n,)

    def add_slope_(self, gradients: Gradients, slope: Tensor) -> None:
        """slope: (n,) derivative of the sum of all values by this logit."""
        slope = slope.to(self.h.dtype)
        gradients.features.addcmul_(self.w, slope[:, None])
        gradients.weight.index_add_(0, self.state, self.h * slope[:, None])
        gradients.bias.index_add_(0, self.state, slope)


def _rest_logits(
    target: _Column, current: _Column, weight_sum: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """The sum of the logits of the rest, and the number of states in the rest: (n,) each.

    The sum over all states is one product with the sum of the weights (H,). The target and the
    current state are then subtracted.
    """
    differ = target.state != current.state
    total = (current.h @ weight_sum).double() + bias.sum(dtype=torch.float64)
    rest = total - current.logit - torch.where(differ, target.logit, 0.0)
    return rest, bias.shape[0] - 1 - differ.double()


def _table_offsets(states: Tensor, num_states: int, width: int) -> tuple[Tensor, Tensor]:
    """Chunk, and offset in the memory of its table, of entries (row, state): (c * n,) each.

    states: (c, n), c entries of each row. width: of all chunks but the last.
    The chunk is -1 for a state that is not in the sum.
    """
    chunk = torch.where(states < num_states, states // width, -1)
    own_width = (num_states - chunk * width).clamp(max=width)
    row = torch.arange(states.shape[1], device=states.device)
    return chunk.flatten(), (row * own_width + states - chunk * width).flatten()
