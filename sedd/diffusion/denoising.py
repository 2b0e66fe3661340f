"""The likelihood bound of masked diffusion: a weighted cross entropy of the masked tokens.

With lambda = 1 - e^-sigma, the expected fraction of masked tokens, the bound is the integral over
lambda from 0 to 1 of (1 / lambda) E[sum over masked positions of -log mu(x0)].
In time, dlambda / lambda = dsigma / (e^sigma - 1) dt. At each position this is the score entropy of
s = mu / (e^sigma - 1), with normalized logits.
Sources: lambda-DCE of RADD, arXiv 2406.03736; MDLM, arXiv 2406.07524; MD4, arXiv 2406.04329.

B batch, L sequence length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.fast.row_chunks import row_cross_entropy
from sedd.diffusion.fast.rows import loss_positions, sum_by_sequence
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork


def denoising_cross_entropy(
    network: SplitNetwork,
    graph: Graph,
    sigma: Tensor,
    weight: Tensor,
    xt: Tensor,
    x0: Tensor,
    padding: Tensor | None = None,
) -> Tensor:
    """`weighted_score_entropy` of the scores that a denoiser implies: (B,) nats.

    sigma: (B,) total noise. weight: (B,), dsigma for uniform times.
    xt, x0: (B, L) noisy and clean tokens. The graph must have a mask.
    Only masked positions go through the vocabulary layer. `padding` is never masked, and unused.
    """
    rows = loss_positions(graph, xt)
    assert rows is not None, "the graph must have a mask"
    table, bias = (part[: graph.vocab_size] for part in network.vocabulary_layer())
    nats = row_cross_entropy(network.features(xt, sigma, rows), table, bias, x0.flatten()[rows])
    per_lambda = (weight.double() / torch.expm1(sigma.double())).to(weight.dtype)
    return per_lambda.to(nats.dtype) * sum_by_sequence(nats, rows, *xt.shape)
