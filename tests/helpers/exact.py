"""The processes by brute force: rate matrices, matrix exponentials and Bayes' rule on a few states.

Nothing here uses the formulas under test. B batch, L sequence length, V states, K sequences that
the data can be.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from scipy.linalg import expm
from scipy.stats import chi2
from torch import Tensor

from sedd.diffusion import Graph


def rate_matrix(graph: Graph) -> Tensor:
    """R (V, V) with R[x, y] the rate from x to y; rows sum to 0."""
    size = graph.num_states
    rates = torch.zeros(size, size, dtype=torch.float64)
    if graph.mask is None:
        rates += 1 / size
    else:
        rates[:, graph.mask] = 1.0
        rates[graph.mask] = 0.0
    rates.fill_diagonal_(0.0)
    return rates - torch.diag(rates.sum(1))


def transition_matrix(graph: Graph, sigma: float) -> Tensor:
    """P (V, V) with P[x0, x] the probability of x at noise sigma."""
    return torch.from_numpy(expm(sigma * rate_matrix(graph).numpy()))


def explicit_score_entropy(
    graph: Graph, log_score: Tensor, sigma: float, x: int, x0: int
) -> Tensor:
    """The definition at one position: log_score (V,)."""
    rates, law = rate_matrix(graph), transition_matrix(graph, sigma)[x0]
    total = log_score.new_zeros(())
    for y in range(graph.num_states):
        if y != x and rates[y, x] > 0:
            ratio = law[y] / law[x]
            constant = ratio * (ratio.log() - 1) if ratio > 0 else 0.0
            total = total + rates[y, x] * (log_score[y].exp() - ratio * log_score[y] + constant)
    return total


@dataclass(frozen=True)
class Data:
    """A law on sequences: support (K, L) and probability (K,)."""

    graph: Graph
    support: Tensor
    probability: Tensor

    @classmethod
    def random(cls, graph: Graph, length: int, seed: int) -> Data:
        """Every sequence possible, far from independent."""
        generator = torch.Generator().manual_seed(seed)
        support = torch.tensor(list(itertools.product(range(graph.vocab_size), repeat=length)))
        weight = torch.rand(len(support), generator=generator, dtype=torch.float64) ** 4 + 0.01
        return cls(graph, support, weight / weight.sum())

    def likelihoods(self, x: Tensor, sigma: float) -> Tensor:
        """p(x_l | x0_l) for each possible x0: x (B, L) -> (B, K, L)."""
        law = transition_matrix(self.graph, sigma)
        return law[self.support[None], x[:, None]]

    def posterior(self, x: Tensor, sigma: float) -> Tensor:
        """p(x0 | x), (B, K)."""
        joint = self.probability * self.likelihoods(x, sigma).prod(-1)
        return joint / joint.sum(-1, keepdim=True)

    def log_score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """log p(x with y at position l) - log p(x), (B, L, V); sigma: (B,) or (1,), all equal."""
        level, size, length = float(sigma.flatten()[0]), self.graph.num_states, x.shape[1]
        powers = size ** torch.arange(length - 1, -1, -1)
        numbers, rows = (x * powers).sum(1).unique(return_inverse=True)
        states = numbers[:, None] // powers % size  # each sequence once
        law = transition_matrix(self.graph, level)
        likelihood = self.likelihoods(states, level)
        columns = []
        for position in range(length):
            others = torch.arange(length) != position
            joint = self.probability * likelihood[..., others].prod(-1)
            columns.append(joint @ law[self.support[:, position]])
        marginal = torch.stack(columns, dim=1)
        log_score = marginal.log() - marginal.gather(-1, states[..., None]).log()
        return log_score[rows]

    def index(self, x: Tensor) -> Tensor:
        """Which of the K sequences each row of x is."""
        place = self.graph.vocab_size ** torch.arange(x.shape[1] - 1, -1, -1)
        return (x * place).sum(1)


def chi_square(observed: Tensor, probability: Tensor) -> float:
    """P-value of the counts `observed` under `probability`."""
    expected = probability * observed.sum()
    assert expected.min() > 5, "too few draws for the chi-square law"
    statistic = ((observed - expected) ** 2 / expected).sum()
    return float(chi2.sf(float(statistic), len(observed) - 1))
