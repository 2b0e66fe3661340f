"""The constant that turns the logits of a denoiser into log scores."""

from __future__ import annotations

import math

import torch
from helpers.exact import Data
from helpers.linear_network import LinearNetwork

from sedd.diffusion import Absorb, score_shift, weighted_score_entropy
from sedd.diffusion.randomness import rand

VOCABULARY, LENGTH, BATCH = 4, 5, 12


class Shifted(LinearNetwork):
    """A network scaled as published ones, with a constant added to its logits."""

    def log_score_offset(self, sigma: torch.Tensor) -> torch.Tensor:
        return torch.log(torch.expm1(sigma.reshape(-1))) + math.log(VOCABULARY)


def noisy(graph: Absorb, x0: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The noisy texts that `score_shift` makes with this seed, and their noise levels."""
    level = (torch.arange(BATCH, dtype=torch.float64) + 0.5) / BATCH
    masked = rand((BATCH, LENGTH), torch.Generator().manual_seed(3), "cpu") < level[:, None]
    return torch.where(masked, graph.mask, x0), level


def test_no_other_constant_has_a_smaller_score_entropy():
    graph = Absorb(VOCABULARY)
    network = Shifted(graph, LENGTH, seed=2)
    x0 = torch.randint(VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(1))
    shift = score_shift(network, graph, x0, torch.Generator().manual_seed(3))
    assert abs(shift) > 0.1  # the network is far from right on average
    xt, level = noisy(graph, x0)
    sigma = -torch.log1p(-level)
    weight = 1 / (1 - level)  # dsigma for uniform lambda

    def score_entropy(constant: float) -> float:
        with torch.no_grad():
            network.bias += constant
            losses = weighted_score_entropy(network, graph, sigma, weight, xt, x0)
            network.bias -= constant
        return float(losses.sum())

    best = score_entropy(shift)
    assert best < score_entropy(shift + 0.02)
    assert best < score_entropy(shift - 0.02)
    assert best < score_entropy(0.0) - 0.01


def test_scores_that_are_right_need_no_shift():
    """The logits of a denoiser that are log mu + log V: the sum of exp is V at every position."""
    graph = Absorb(VOCABULARY)
    data = Data.random(graph, LENGTH, seed=4)

    class Right:
        def features(self, x, sigma, rows):
            log_score = data.log_score(x, sigma.double()).flatten(0, 1)[rows]
            return log_score + torch.log(torch.expm1(sigma.double())) + math.log(VOCABULARY)

        def vocabulary_layer(self):
            size = VOCABULARY + 1
            return torch.eye(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)

    x0 = data.support[:BATCH]
    shift = score_shift(Right(), graph, x0, torch.Generator().manual_seed(3))  # type: ignore[arg-type]
    assert abs(shift) < 1e-6
