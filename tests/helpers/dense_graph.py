"""A graph that knows nothing but its rate matrix, and has no fast parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from helpers.exact import rate_matrix
from sedd.diffusion import Graph
from sedd.diffusion.graph import like_positions


class DenseGraph(Graph):
    """The process of another graph, by matrix exponentials of its rate matrix (V, V), in float64.

    Noisy states are drawn by the other graph, so that both see the same ones.
    """

    def __init__(self, same_as: Graph):
        super().__init__(same_as.vocab_size)
        self.same_as = same_as
        self.rates = rate_matrix(same_as)  # [x, y]: from x to y

    @property
    def num_states(self) -> int:
        return self.same_as.num_states

    @property
    def mask(self) -> int | None:
        return self.same_as.mask

    def _law(self, sigma: Tensor, x: Tensor) -> Tensor:
        """P (..., V, V), broadcasting with x: P[y, x] the probability of x, from y."""
        return torch.matrix_exp(like_positions(sigma, x).double()[..., None, None] * self.rates)

    def transition(self, x0: Tensor, sigma: Tensor) -> Tensor:
        law = self._law(sigma, x0).expand(*x0.shape, *self.rates.shape)
        return law.gather(-2, x0[..., None, None].expand(*x0.shape, 1, self.num_states))[..., 0, :]

    def sample_transition(
        self, x0: Tensor, sigma: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        return self.same_as.sample_transition(x0, sigma, generator)

    def sample_limit(
        self,
        shape: Sequence[int],
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        return self.same_as.sample_limit(shape, generator, device)

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        law = self.transition(x0, sigma)
        ratio = law / law.gather(-1, x[..., None])
        constant = torch.xlogy(ratio, ratio) - ratio
        terms = log_score.exp() - ratio * log_score + constant
        return (self._rates_into(x) * terms.nan_to_num()).sum(-1)

    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        exits = self._rates_into(x) * log_score.exp() * like_positions(step, x)[..., None]
        return exits.scatter(-1, x[..., None], 1 - exits.sum(-1, keepdim=True))

    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        back = self._law(-step, x)
        earlier = (log_score.exp()[..., None, :] @ back)[..., 0, :]
        law = self._law(step, x).expand(*x.shape, *self.rates.shape)
        into_x = law.gather(-1, x[..., None, None].expand(*x.shape, self.num_states, 1))[..., 0]
        return earlier * into_x

    def _rates_into(self, x: Tensor) -> Tensor:
        """Rates (..., V) from each state y to x, 0 at x."""
        return self.rates.T[x].scatter(-1, x[..., None], 0.0)
