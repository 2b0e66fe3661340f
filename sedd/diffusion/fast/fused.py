"""The score entropy of a `SplitNetwork` in one pass over the vocabulary, with its gradients.

B batch, L sequence length, H features, V states.
n rows: the positions with a loss (all, or the masked ones of an absorbing graph).
G segments: groups of rows whose values are summed; one per sequence in the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.fast.precision import accumulation_dtype, compute_dtype
from sedd.diffusion.fast.rows import loss_positions
from sedd.diffusion.fast.vocabulary_sum import Gradients, RowTerms, vocabulary_sum
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork


def fused_score_entropy(
    network: SplitNetwork,
    graph: Graph,
    sigma: Tensor,
    weight: Tensor,
    xt: Tensor,
    x0: Tensor,
    padding: Tensor | None = None,
) -> Tensor:
    """`loss.weighted_score_entropy` without a table of scores: (B,) nats, float32 or wider.

    sigma, weight: (B,). xt, x0: (B, L) noisy and clean states. padding: see `loss_positions`.
    Raises TypeError if the graph has no fast parts.
    """
    parts = require_fast_parts(graph)
    batch, length = xt.shape
    rows = loss_positions(graph, xt, padding)
    features = network.features(xt, sigma, rows)
    if rows is None:
        rows = torch.arange(batch * length, device=xt.device)
    sequence = rows // length
    offset = network.log_score_offset(sigma)
    terms = parts.row_terms(
        sigma[sequence], offset[sequence], xt.flatten()[rows], x0.flatten()[rows]
    ).scaled(weight.double()[sequence])
    # the usual loss is a mean over the batch: prepare the gradients for its upstream gradient 1 / B
    return differentiable_vocabulary_sum(
        features,
        *network.vocabulary_layer(),
        terms,
        graph.vocab_size,
        segments=SegmentIndex(sequence, batch),
        expected_upstream=1 / max(batch, 1),
    )


@dataclass(frozen=True)
class SegmentIndex:
    """Assignment of rows to segments. of_row: (n,) segment of each row. count: G."""

    of_row: Tensor
    count: int

    def total(self, values: Tensor) -> Tensor:
        """Sum of the values (n,) of each segment: (G,)."""
        return values.new_zeros(self.count).index_add_(0, self.of_row, values)


def differentiable_vocabulary_sum(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    terms: RowTerms,
    num_states: int,
    segments: SegmentIndex | None = None,
    expected_upstream: float = 1.0,
) -> Tensor:
    """`vocabulary_sum` of each row (n,), or of each segment (G,), with gradients; float32 or wider.

    Differentiable in features (n, H), weight (V, H) and bias (V,).
    expected_upstream: upstream gradient for which the forward pass prepares the gradients. Another
        upstream gradient, equal for all values, costs one multiplication. Upstream gradients that
        differ cost a second pass over the vocabulary.

    After a sum, equality shows in the strides of the upstream gradient, and a GPU need not be
    synchronized. After a mean, the upstream gradient is read.
    """
    compute = compute_dtype(features, weight)
    arguments = (features, weight, bias, terms, num_states, compute, segments)
    if torch.is_grad_enabled() and any(t.requires_grad for t in (features, weight, bias)):
        values = _VocabularySum.apply(*arguments, expected_upstream)
        assert isinstance(values, Tensor)
        return values
    with torch.autocast(features.device.type, enabled=False):
        values = vocabulary_sum(*arguments[:-1])
    values = values if segments is None else segments.total(values)
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
        segments: SegmentIndex | None,
        expected_upstream: float,
    ) -> Tensor:
        gradients = Gradients.for_inputs(features, weight, bias)
        scaled = terms.scaled(expected_upstream)
        with torch.autocast(features.device.type, enabled=False):
            values = vocabulary_sum(features, weight, bias, scaled, num_states, compute, gradients)
        ctx.save_for_backward(features, weight, bias)
        ctx.settings = terms, num_states, compute, segments, expected_upstream
        # not through save_for_backward: .grad can then take the buffer of the weight without a copy
        ctx.gradients = gradients
        values = values if segments is None else segments.total(values)
        return (values / expected_upstream).to(accumulation_dtype(compute))

    @staticmethod
    @torch.autograd.function.once_differentiable  # untyped in torch, hence the exemption below
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (upstream,) = grad_outputs
        features, weight, bias = ctx.saved_tensors
        terms, num_states, compute, segments, expected_upstream = ctx.settings
        gradients: Gradients | None = ctx.gradients
        ctx.gradients = None
        if gradients is None or not is_common(upstream):
            gradients = Gradients.for_inputs(features, weight, bias)
            of_rows = upstream if segments is None else upstream[segments.of_row]
            scaled = terms.scaled(of_rows.double())
            with torch.autocast(upstream.device.type, enabled=False):
                vocabulary_sum(features, weight, bias, scaled, num_states, compute, gradients)
        elif upstream.numel() and not is_certainly(upstream[0], expected_upstream):
            gradients.scale_(upstream[0].double() / expected_upstream)
        inputs = (features, weight, bias)
        buffers = (gradients.features, gradients.weight, gradients.bias)
        grads = [
            buffer.to(tensor.dtype) if needed else None
            for buffer, tensor, needed in zip(buffers, inputs, ctx.needs_input_grad, strict=False)
        ]
        return *grads, None, None, None, None, None


def is_common(values: Tensor) -> bool:
    """Whether all values (n,) are equal. Reads them, which synchronizes a GPU, unless they are one
    expanded element (stride 0).
    """
    return values.numel() == 0 or values.stride() == (0,) or bool((values == values[0]).all())


def is_certainly(value: Tensor, expected: float) -> bool:
    """Whether a scalar on the CPU equals `expected`. False on a GPU, to avoid a synchronization."""
    return value.device.type == "cpu" and bool(value == torch.full_like(value, expected))
