"""From a denoiser to a score network: the constant that makes its logits log scores.

A denoiser gives mu = softmax(logits), and the scores of the absorbing graph are
s = mu / (e^sigma - 1) (RADD, arXiv 2406.03736, theorem 1). A score network scaled by sigma has
log s = logits - log(e^sigma - 1) - log V, without a sum over the vocabulary. So the same logits
have s' = c s with c = sum(exp(logits)) / V at each position. A constant added to all logits makes
the mean of c one.

B batch, L sequence length, V vocabulary.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.network import SplitNetwork
from sedd.diffusion.randomness import rand


@torch.no_grad()
def score_shift(
    network: SplitNetwork, graph: Absorb, x0: Tensor, generator: torch.Generator | None
) -> float:
    """The constant for the logits of a denoiser that minimizes the score entropy on x0 (B, L).

    As a function of c, the score entropy of a position is proportional to c - log c. With weights w,
    the best constant is log V - log of the mean of sum(exp(logits)). The mean is over masked
    positions at B evenly spaced noise levels lambda = 1 - e^-sigma, with w = 1 / lambda, as in
    `denoising`.
    """
    batch, length = x0.shape
    level = (torch.arange(batch, dtype=torch.float64, device=x0.device) + 0.5) / batch
    masked = rand((batch, length), generator, x0.device) < level[:, None]
    xt = x0.masked_fill(masked, graph.mask)
    sigma = -torch.log1p(-level).float()
    weight, bias = network.vocabulary_layer()
    totals, weights = [], []
    for index in range(batch):
        rows = masked[index].nonzero()[:, 0]
        features = network.features(xt[index : index + 1], sigma[index : index + 1], rows)
        logits = features @ weight[: graph.vocab_size].T + bias[: graph.vocab_size]
        totals.append(logits.double().logsumexp(-1))
        weights.append(-level[index].log().expand(len(rows)))
    total, log_weight = torch.cat(totals), torch.cat(weights)
    mean = torch.logsumexp(total + log_weight, 0) - torch.logsumexp(log_weight, 0)
    return math.log(graph.vocab_size) - float(mean)
