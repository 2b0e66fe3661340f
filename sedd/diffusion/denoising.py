"""The likelihood of masked diffusion: a weighted cross entropy of the masked tokens.

With lambda = 1 - e^-sigma, the share of the tokens that is masked, the bound is the integral over lambda from 0 to 1 of
(1 / lambda) E sum over masked positions of -log mu(x0) (RADD's lambda-DCE, arXiv 2406.03736; MDLM, 2406.07524; MD4, 2406.04329).
Over time, dlambda / lambda = dsigma / (e^sigma - 1) dt. It is the score entropy of s = mu / (e^sigma - 1), position by
position, but the logits are normalised.

B batch, L sequence length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.fast.row_chunks import row_cross_entropy, sum_by_sequence
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork


def masked_cross_entropy(
    network: SplitNetwork, graph: Graph, sigma: Tensor, weight: Tensor, xt: Tensor, x0: Tensor
) -> Tensor:
    """weight_b times the sum of -log mu(x0) over the masked positions of sequence b: (B,) nats.

    sigma: (B,), what the network is told. weight: (B,). xt, x0: (B, L) noisy and clean tokens. Only masked positions go
    through the vocabulary layer.
    """
    rows = graph.loss_positions(xt)
    assert rows is not None, "only an absorbing graph has masks"
    table, bias = (part[: graph.vocab_size] for part in network.vocabulary_layer())
    nats = row_cross_entropy(network.features(xt, sigma, rows), table, bias, x0.flatten()[rows])
    return weight.to(nats.dtype) * sum_by_sequence(nats, rows, *xt.shape)


def denoising_cross_entropy(
    network: SplitNetwork, graph: Graph, sigma: Tensor, weight: Tensor, xt: Tensor, x0: Tensor
) -> Tensor:
    """`weighted_score_entropy` of the scores that a denoiser implies: (B,) nats; weight is dsigma where times are uniform."""
    per_lambda = (weight.double() / torch.expm1(sigma.double())).to(weight.dtype)
    return masked_cross_entropy(network, graph, sigma, per_lambda, xt, x0)
