"""Monte Carlo estimates of the upper bound on the negative log likelihood (Lou et al. 2024).

The bound is the mean of the loss over time. Two estimators of the same number:

paper: every draw takes a time from U[eps, 1], as in the paper.

stratified: each draw of a sequence takes a random quantile from its own stratum of [0, 1]. Every
    second quantile is antithetic to the one before, so a linear function has no variance.
    Without a mask, strata are of the angle a with sigma = tan(a)^2, whatever the noise schedule is.
    Its density in sigma is proportional to 1 / (sqrt(sigma) (1 + sigma)): draws with few moved
    tokens have the largest variance, and those with nearly all moved have hardly any loss.
    Geometric noise would take most of its times from these two ends.
    For the absorbing graph, strata are of the number k of masked tokens. With l = 1 - e^-sigma, the
    bound is the integral of dl / l times the cost of the masked tokens. 1 / l times the probability
    of k masked tokens among L is 1 / k times the density Beta(k, L - k + 1) of l, which is the
    density of the k-th smallest of L uniforms. So for k drawn uniformly, and l that order
    statistic, the weight is L / k. Draws with few masked tokens have the largest variance, by 1 /
    k, and cost least. So k = ceil(L u^2), which has a density of about 1 / sqrt(k), and the weight
    is multiplied by 1 / (L P(k)). Unbiased for any network.

As in the paper, the mean is over [eps, 1] rather than [0, 1], and the distribution at time 1 counts
as the limit. Geometric noise starts at sigma_min instead of 0: what is still uncertain of a token at
sigma_min is left out, as in the paper. For uniform tokens this is h(m) + m log(V - 1) nats per token,
with h the entropy of a yes or no and m = (1 - e^-sigma_min) (V - 1) / V: 0.0013 for 27 tokens and
0.0021 for 50257 at sigma_min = 1e-4, and less for tokens that can be predicted.

Given tokens, for a graph with a mask: the bound of -log p(rest | given) corrupts only the rest, and
every state holds the given tokens clean. It is the bound of the reverse process that keeps the
given tokens from the start, so exp(-bound) sums to at most 1 over the rest, for any network. With
exact scores it is tight: the exact score at a masked position depends on the unmasked tokens alone,
s_y = p(y | unmasked) / (e^sigma - 1), and so does not change if the given tokens could not move.
Without a mask this fails. The network reads every token as a noisy one, and exact scores at noise
sigma average over clean tokens that may have been there instead of the given ones. Nor is the bound
of all tokens minus the bound of the given ones a bound of anything.

B batch, L sequence length. sigma: total noise.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from sedd.diffusion.fast.parts import fast_parts
from sedd.diffusion.graph import Graph
from sedd.diffusion.loss import weighted_score_entropy
from sedd.diffusion.network import SplitNetwork
from sedd.diffusion.noise import Noise
from sedd.diffusion.randomness import rand

Estimator = Literal["paper", "stratified"]
# Draws of few tokens go through the network in one batch, up to this number of tokens: reading the
# weights of the vocabulary layer costs as much as some hundred rows of it. Not more, because the
# batch size was chosen to fit the memory.
TOKENS_TOGETHER = 4096
# (model, graph, sigma, weight, xt, x0, padding=) -> weight_b times the loss of sequence b, (B,) nats
WeightedLoss: TypeAlias = Callable[..., Tensor]


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
    given: Tensor | None = None,
    padding: Tensor | None = None,
) -> Tensor:
    """Estimated bound of each sequence in nats, (B,) float64: the mean over `num_draws` draws of
    noise.

    model: the first argument of the loss. x0: (B, L) clean tokens.
    fused: as in `score_entropy_loss`.
    loss: any loss whose mean over time, weighted by dsigma, is a bound; by default the score
        entropy.
    given: (B, L), true for tokens that are given: the bound is that of the other tokens. Needs a
        graph with a mask.
    padding: (B, L), true for positions after a sequence's own tokens, which were never corrupted in
        training either: the bound is that of the own tokens given where they end, on any graph.

    Sequences are independent of one another, so their variance gives the standard error of a mean
    over sequences. Raises ValueError for num_draws < 1, an unknown estimator, given tokens without a
    mask, or a sequence whose tokens are all given.
    """
    if num_draws < 1:
        raise ValueError(f"num_draws must be at least 1, got {num_draws}")
    if estimator not in ("paper", "stratified"):
        raise ValueError(f"estimator must be 'paper' or 'stratified', got {estimator!r}")
    check_given(graph, given)
    if padding is not None:
        given = padding if given is None else given | padding
        if bool(given.all(1).any()):
            raise ValueError("every token is given or padding: none is left to score")
    loss = loss or functools.partial(weighted_score_entropy, fused=fused)
    total = torch.zeros(x0.shape[0], dtype=torch.float64, device=x0.device)
    draws_together = 1
    has_table = fused is False or fast_parts(graph) is None  # (B, L, V)
    if isinstance(model, SplitNetwork) and not has_table:
        draws_together = max(1, TOKENS_TOGETHER // max(x0.numel(), 1))
    draws = _draws(graph, noise, x0, num_draws, estimator, time_eps, generator, given)
    while batch := list(itertools.islice(draws, draws_together)):
        sigma, weight, xt = (torch.cat(parts) for parts in zip(*batch, strict=True))
        clean = x0.repeat(len(batch), 1)
        if padding is None:
            nats = loss(model, graph, sigma, weight, xt, clean)
        else:
            repeated = padding.repeat(len(batch), 1)
            nats = loss(model, graph, sigma, weight, xt, clean, padding=repeated)
        total += nats.double().view(len(batch), x0.shape[0]).sum(0)
    return total / num_draws


def _draws(
    graph: Graph,
    noise: Noise,
    x0: Tensor,
    num_draws: int,
    estimator: Estimator,
    time_eps: float,
    generator: torch.Generator | None,
    given: Tensor | None,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """sigma (B,), weight of the loss (B,), and noisy states (B, L) of each draw."""
    for u in stratified_quantiles(x0.shape[0], num_draws, estimator, generator, x0.device):
        if estimator == "stratified" and graph.mask is not None:
            yield _draw_with_count(graph.mask, noise, x0, u, time_eps, generator, given)
            continue
        if estimator == "stratified":
            sigma, weight = noise_at_angle(noise, u, time_eps)
        else:
            sigma, weight = noise((time_eps + (1 - time_eps) * u).float())
        yield sigma, weight, corrupt_rest(graph, x0, sigma, generator, given)


def check_given(graph: Graph, given: Tensor | None) -> None:
    """Raise ValueError unless there is a bound for the tokens that are not `given` (B, L)."""
    if given is None:
        return
    if graph.mask is None:
        raise ValueError(
            "a likelihood given a context needs a graph with a mask. Without a mask the network "
            "reads the context as noisy text too: no bound on p(continuation | context) is known, "
            "and the difference of two bounds is not a bound"
        )
    if bool(given.all(1).any()):
        raise ValueError("every token is given: none is left to score")


def corrupt_rest(
    graph: Graph,
    x0: Tensor,
    sigma: Tensor,
    generator: torch.Generator | None,
    given: Tensor | None,
) -> Tensor:
    """Draw noisy states (B, L) in which the `given` tokens (B, L) stay clean. sigma: (B,)."""
    xt = graph.sample_transition(x0, sigma, generator)
    return xt if given is None else torch.where(given, x0, xt)


def stratified_quantiles(
    num_sequences: int,
    num_draws: int,
    estimator: Estimator,
    generator: torch.Generator | None,
    device: torch.device,
) -> Iterator[Tensor]:
    """Yield the quantiles (B,) in [0, 1] of each draw: i.i.d. (paper), or one per stratum."""
    u = torch.empty(0)
    for draw in range(num_draws):
        if estimator == "paper":
            yield rand((num_sequences,), generator, device)
            continue
        u = 1 - u if draw % 2 else rand((num_sequences,), generator, device)
        yield (draw + u) / num_draws


def noise_at_angle(noise: Noise, u: Tensor, time_eps: float) -> tuple[Tensor, Tensor]:
    """sigma = tan(a)^2 (B,) at quantiles u (B,) of the angle a, and the weight of the loss (B,).

    The weighted mean over u is that of the loss times dsigma over times in [time_eps, 1].
    """
    ends = torch.tensor([time_eps, 1.0], dtype=torch.float64, device=u.device)
    lowest, highest = noise(ends)[0].sqrt().atan()
    root = (lowest + (highest - lowest) * u.double()).tan()
    weight = 2 * root * (1 + root.square()) * (highest - lowest) / (1 - time_eps)
    return root.square().float(), weight


def _draw_with_count(
    mask: int,
    noise: Noise,
    x0: Tensor,
    u: Tensor,
    time_eps: float,
    generator: torch.Generator | None,
    given: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """One draw of `_draws` for the absorbing graph, with k = ceil(L u^2) masked tokens.

    u: (B,) in [0, 1]. L counts the tokens that are not given.
    """
    token_level = rand(x0.shape, generator, x0.device)  # at which each token becomes the mask
    length = torch.full_like(u, x0.shape[1], dtype=torch.float64)
    if given is not None:
        length -= given.sum(1)
        token_level = token_level.masked_fill(given, torch.inf)
    count = torch.minimum((u.double().square() * length).ceil().clamp(min=1), length)
    level = token_level.sort(dim=1).values.gather(1, count.long()[:, None] - 1)
    xt = torch.where(token_level <= level, mask, x0)
    sigma = -torch.log1p(-level[:, 0])
    ends = torch.tensor([time_eps, 1.0], dtype=torch.float64, device=x0.device)
    lowest, highest = noise(ends)[0]
    inside = (sigma >= lowest) & (sigma <= highest)
    sigma = sigma.clamp(lowest, highest).float()
    # L / k, times 1 / (L P(k)), where P(k) = (sqrt(k) - sqrt(k - 1)) / sqrt(L)
    count_weight = length.sqrt() * (count.sqrt() + (count - 1).sqrt()) / count
    weight = inside * torch.expm1(sigma.double()) * count_weight / (1 - time_eps)
    return sigma, weight, xt
