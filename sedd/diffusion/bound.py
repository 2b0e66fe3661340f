"""Monte Carlo estimates of the upper bound on the negative log likelihood (Lou et al. 2024).

The bound is the mean of the loss over time. Two estimators of the same number:

paper: every draw takes a time from U[eps, 1], as in the paper.
stratified: the draws of a sequence are spread evenly, each at a random place in a stratum of its
    own, mirrored in every second one, so that what rises or falls steadily does not scatter at all.
    For the uniform graph, over time. For the absorbing graph, over the number k of masked tokens:
    with l = 1 - e^-sigma the bound is the integral of dl / l times the cost of the masked tokens,
    and 1 / l times the chance of k masked ones among L is 1 / k times the law Beta(k, L - k + 1) of
    l, that of the k-th smallest of L uniforms. So for k drawn uniformly and l that order statistic,
    the weight is L / k. But few masked tokens scatter most, by 1 / k, and cost least: so k is drawn
    with a density of about 1 / sqrt(k), as L u^2 rounded up, and the weight is multiplied by
    1 / (L P(k)). Exact for any network.

The paper's convention is kept: the mean is over [eps, 1] rather than [0, 1], and the law at time 1
is taken to be the limit. B batch, L sequence length. sigma: total noise.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from sedd.diffusion.graph import Graph
from sedd.diffusion.loss import weighted_score_entropy
from sedd.diffusion.network import SplitNetwork
from sedd.diffusion.noise import Noise
from sedd.diffusion.randomness import rand

Estimator = Literal["paper", "stratified"]
# Draws of few tokens go through the network together, up to so many: reading the weights of the vocabulary layer costs as much
# as some hundred rows of it. Not more, for the batch was chosen to fit the memory.
TOKENS_TOGETHER = 4096
# (model, graph, sigma, weight, xt, x0) -> weight_b times the loss of sequence b, (B,) nats
WeightedLoss: TypeAlias = Callable[[Any, Graph, Tensor, Tensor, Tensor, Tensor], Tensor]


@torch.no_grad()
def likelihood_bound(
    model: Any,
    graph: Graph,
    noise: Noise,
    x0: Tensor,
    num_draws: int,
    *,
    estimator: Estimator = "paper",
    time_eps: float = 1e-5,
    generator: torch.Generator | None = None,
    fused: bool | None = None,
    loss: WeightedLoss | None = None,
) -> Tensor:
    """Estimated bound of each sequence in nats, (B,) float64: the mean of `num_draws` draws of noise
    on x0 (B, L), several of which may go through the network together.

    model: what the loss takes. loss: the score entropy, `fused` or not, by default; another whose
    mean over time, weighted by dsigma, is a bound.

    Sequences are independent of one another, so their spread gives the standard error of a mean
    over many.
    """
    if num_draws < 1:
        raise ValueError(f"num_draws must be at least 1, got {num_draws}")
    if estimator not in ("paper", "stratified"):
        raise ValueError(f"estimator must be 'paper' or 'stratified', got {estimator!r}")
    loss = loss or functools.partial(weighted_score_entropy, fused=fused)
    total = torch.zeros(x0.shape[0], dtype=torch.float64, device=x0.device)
    together = 1
    if isinstance(model, SplitNetwork) and fused is not False:  # others make a table (B, L, V)
        together = max(1, TOKENS_TOGETHER // max(x0.numel(), 1))
    draws = _draws(graph, noise, x0, num_draws, estimator, time_eps, generator)
    while drawn := list(itertools.islice(draws, together)):
        sigma, weight, xt = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        nats = loss(model, graph, sigma, weight, xt, x0.repeat(len(drawn), 1))
        total += nats.double().view(len(drawn), x0.shape[0]).sum(0)
    return total / num_draws


def _draws(
    graph: Graph,
    noise: Noise,
    x0: Tensor,
    num_draws: int,
    estimator: Estimator,
    time_eps: float,
    generator: torch.Generator | None,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """sigma (B,), the weight of the loss (B,), and noisy states (B, L) of each draw."""
    for u in stratified_quantiles(x0.shape[0], num_draws, estimator, generator, x0.device):
        if estimator == "stratified" and graph.mask is not None:
            yield _at_count(graph.mask, noise, x0, u, time_eps, generator)
        else:
            sigma, dsigma = noise((time_eps + (1 - time_eps) * u).float())
            yield sigma, dsigma, graph.sample_transition(x0, sigma, generator)


def stratified_quantiles(
    num_sequences: int,
    num_draws: int,
    estimator: Estimator,
    generator: torch.Generator | None,
    device: torch.device,
) -> Iterator[Tensor]:
    """Where each draw looks between 0 and 1, (B,) for each: each place is uniform on [0, 1], or on a stratum of its own."""
    place = torch.empty(0)
    for draw in range(num_draws):
        if estimator == "paper":
            yield rand((num_sequences,), generator, device)
            continue
        place = 1 - place if draw % 2 else rand((num_sequences,), generator, device)
        yield (draw + place) / num_draws


def _at_count(
    mask: int,
    noise: Noise,
    x0: Tensor,
    u: Tensor,
    time_eps: float,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """One draw, as `_draws`, for the absorbing graph with k = ceil(L u^2) masked tokens; u: (B,) in [0, 1]."""
    length = x0.shape[1]
    count = (u.double().square() * length).ceil().clamp(1, length)
    fall = rand(x0.shape, generator, x0.device)  # the level at which each token turns into the mask
    level = fall.sort(dim=1).values.gather(1, count.long()[:, None] - 1)
    xt = torch.where(fall <= level, mask, x0)
    sigma = -torch.log1p(-level[:, 0])
    ends = torch.tensor([time_eps, 1.0], dtype=torch.float64, device=x0.device)
    lowest, highest = noise(ends)[0]
    counted = (sigma >= lowest) & (sigma <= highest)
    sigma = sigma.clamp(lowest, highest).float()
    # L / k, times 1 / (L P(k)), where P(k) = (sqrt(k) - sqrt(k - 1)) / sqrt(L)
    share = math.sqrt(length) * (count.sqrt() + (count - 1).sqrt()) / count
    weight = counted * torch.expm1(sigma.double()) * share / (1 - time_eps)
    return sigma, weight, xt
