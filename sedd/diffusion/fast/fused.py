"""The score entropy of a `SplitNetwork` in one pass over the vocabulary, with its gradients.

B batch, L sequence length, n rows: the positions whose score entropy can differ from 0 (the masked
ones, if absorbing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sedd.diffusion.fast.precision import accumulation_dtype, compute_dtype
from sedd.diffusion.fast.vocabulary_sum import Gradients, RowTerms, vocabulary_sum
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork


def fused_score_entropy(
    network: SplitNetwork, graph: Graph, sigma: Tensor, weight: Tensor, xt: Tensor, x0: Tensor
) -> Tensor:
    """weight_b times the score entropy of sequence b, summed over its positions: (B,) nats, float32
    at least.

    sigma, weight: (B,). xt, x0: (B, L) noisy and clean states.
    """
    batch, length = xt.shape
    rows = graph.loss_positions(xt)
    features = network.features(xt, sigma, rows)
    if rows is None:
        rows = torch.arange(batch * length, device=xt.device)
    sequence = rows // length
    offset = network.log_score_offset(sigma)
    terms = graph.row_terms(
        sigma[sequence], offset[sequence], xt.flatten()[rows], x0.flatten()[rows]
    ).scaled(weight.double()[sequence])
    # gradients are made ready for the mean over the batch, the usual end of a loss
    return differentiable_vocabulary_sum(
        features,
        *network.vocabulary_layer(),
        terms,
        graph.vocab_size,
        groups=SegmentIndex(sequence, batch),
        expected_upstream=1 / max(batch, 1),
    )


@dataclass(frozen=True)
class SegmentIndex:
    """Rows whose values are summed up. of_row: (n,) the group of each row. count: G."""

    of_row: Tensor
    count: int

    def total(self, values: Tensor) -> Tensor:
        """(n,) -> (G,)."""
        return values.new_zeros(self.count).index_add_(0, self.of_row, values)


def differentiable_vocabulary_sum(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    terms: RowTerms,
    num_states: int,
    groups: SegmentIndex | None = None,
    expected_upstream: float = 1.0,
) -> Tensor:
    """`vocabulary_sum` of each row, (n,), or of each group, (G,); float32 at least; differentiable
    in features (n, H), weight and bias.

    expected_upstream: the derivative of the final loss by the values, for which gradients are made
    ready on the way forward. Another derivative common to all values costs a multiplication;
    derivatives that differ, a second pass. That a derivative is common is seen without looking at
    it, so that no GPU has to be waited for, if it comes of a sum; after a mean it is read.
    """
    compute = compute_dtype(features, weight)
    arguments = (features, weight, bias, terms, num_states, compute, groups)
    if torch.is_grad_enabled() and any(t.requires_grad for t in (features, weight, bias)):
        values = _VocabularySum.apply(*arguments, expected_upstream)
        assert isinstance(values, Tensor)
        return values
    with torch.autocast(features.device.type, enabled=False):
        values = vocabulary_sum(*arguments[:-1])
    values = values if groups is None else groups.total(values)
    return values.to(accumulation_dtype(compute))


class _VocabularySum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        terms: RowTerms,
        num_states: int,
        compute: torch.dtype,
        groups: SegmentIndex | None,
        expected_upstream: float,
    ) -> Tensor:
        gradients = Gradients.for_inputs(features, weight, bias)
        ready = terms.scaled(expected_upstream)
        with torch.autocast(features.device.type, enabled=False):
            values = vocabulary_sum(features, weight, bias, ready, num_states, compute, gradients)
        ctx.save_for_backward(features, weight, bias)
        ctx.settings = terms, num_states, compute, groups, expected_upstream
        # not through save_for_backward: handed over, so that .grad can take the weight's buffer
        # without a copy
        ctx.gradients = gradients
        values = values if groups is None else groups.total(values)
        return (values / expected_upstream).to(accumulation_dtype(compute))

    @staticmethod
    @torch.autograd.function.once_differentiable  # untyped in torch, hence the exemption below
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (upstream,) = grad_outputs
        features, weight, bias = ctx.saved_tensors
        terms, num_states, compute, groups, expected_upstream = ctx.settings
        gradients: Gradients | None = ctx.gradients
        ctx.gradients = None
        if gradients is None or not is_common(upstream):
            gradients = Gradients.for_inputs(features, weight, bias)
            each = upstream if groups is None else upstream[groups.of_row]
            again = terms.scaled(each.double())
            with torch.autocast(upstream.device.type, enabled=False):
                vocabulary_sum(features, weight, bias, again, num_states, compute, gradients)
        elif upstream.numel() and not is_certainly(upstream[0], expected_upstream):
            gradients.scale_(upstream[0].double() / expected_upstream)
        made = (gradients.features, gradients.weight, gradients.bias)
        inputs = (features, weight, bias)
        grads = [made[i].to(inputs[i].dtype) if ctx.needs_input_grad[i] else None for i in range(3)]
        return *grads, None, None, None, None, None


def is_common(values: Tensor) -> bool:
    """Whether all elements of (n,) are equal; read only if they are not one element, expanded."""
    return values.numel() == 0 or values.stride() == (0,) or bool((values == values[0]).all())


def is_certainly(value: Tensor, expected: float) -> bool:
    """Whether a scalar on the CPU is `expected`; of one on another device that is not asked: the answer would be waited for."""
    return value.device.type == "cpu" and bool(value == torch.full_like(value, expected))
