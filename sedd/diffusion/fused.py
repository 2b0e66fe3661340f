"""The score entropy of a `SplitNetwork` in one pass over the vocabulary, with its gradients.

B batch, L sequence length, n rows: the positions whose score entropy can differ from 0 (the masked
ones, if absorbing).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork
from sedd.diffusion.precision import accumulation_dtype, compute_dtype
from sedd.diffusion.vocabulary_sum import Gradients, RowTerms, vocabulary_sum


def fused_score_entropy(
    network: SplitNetwork, graph: Graph, sigma: Tensor, weight: Tensor, xt: Tensor, x0: Tensor
) -> Tensor:
    """weight_b times the score entropy of sequence b, summed over its positions: (B,) nats, float32
    at least.

    sigma, weight: (B,). xt, x0: (B, L) noisy and clean states.
    """
    batch, length = xt.shape
    rows = graph.active_rows(xt)
    features = network.features(xt, sigma, rows)
    if rows is None:
        rows = torch.arange(batch * length, device=xt.device)
    sequence = rows // length
    offset = network.log_score_offset(sigma)
    terms = graph.row_terms(
        sigma[sequence], offset[sequence], xt.flatten()[rows], x0.flatten()[rows]
    ).scaled(weight.double()[sequence])
    # gradients are made ready for the mean over the batch, the usual end of a loss
    values = differentiable_vocabulary_sum(
        features, *network.vocabulary_layer(), terms, graph.vocab_size, expected_upstream=1 / batch
    )
    return values.new_zeros(batch).index_add(0, sequence, values)


def differentiable_vocabulary_sum(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    terms: RowTerms,
    num_states: int,
    expected_upstream: float = 1.0,
) -> Tensor:
    """`vocabulary_sum`, (n,), float32 at least; differentiable in features (n, H), weight and bias.

    expected_upstream: the derivative of the final loss by the values, for which gradients are made
    ready on the way forward. Another derivative common to all rows costs a multiplication;
    derivatives that differ, a second pass.
    """
    compute = compute_dtype(features, weight)
    arguments = (features, weight, bias, terms, num_states, compute)
    if torch.is_grad_enabled() and any(t.requires_grad for t in (features, weight, bias)):
        values = _VocabularySum.apply(*arguments, expected_upstream)
        assert isinstance(values, Tensor)
        return values
    with torch.autocast(features.device.type, enabled=False):
        return vocabulary_sum(*arguments).to(accumulation_dtype(compute))


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
        expected_upstream: float,
    ) -> Tensor:
        gradients = Gradients.for_inputs(features, weight, bias)
        ready = terms.scaled(expected_upstream)
        with torch.autocast(features.device.type, enabled=False):
            values = vocabulary_sum(features, weight, bias, ready, num_states, compute, gradients)
        ctx.save_for_backward(features, weight, bias)
        ctx.settings = terms, num_states, compute, expected_upstream
        # not through save_for_backward: handed over, so that .grad can take the weight's buffer
        # without a copy
        ctx.gradients = gradients
        return (values / expected_upstream).to(accumulation_dtype(compute))

    @staticmethod
    @torch.autograd.function.once_differentiable  # untyped in torch, hence the exemption below
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (upstream,) = grad_outputs
        features, weight, bias = ctx.saved_tensors
        terms, num_states, compute, expected_upstream = ctx.settings
        gradients: Gradients | None = ctx.gradients
        ctx.gradients = None
        common = upstream.numel() == 0 or bool((upstream == upstream[0]).all())
        if gradients is None or not common:
            gradients = Gradients.for_inputs(features, weight, bias)
            again = terms.scaled(upstream.double())
            with torch.autocast(upstream.device.type, enabled=False):
                vocabulary_sum(features, weight, bias, again, num_states, compute, gradients)
        elif upstream.numel() and upstream[0] != torch.full_like(upstream[0], expected_upstream):
            gradients.scale_(upstream[0].double() / expected_upstream)
        made = (gradients.features, gradients.weight, gradients.bias)
        inputs = (features, weight, bias)
        grads = [made[i].to(inputs[i].dtype) if ctx.needs_input_grad[i] else None for i in range(3)]
        return *grads, None, None, None, None
