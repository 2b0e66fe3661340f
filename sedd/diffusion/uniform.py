"""The uniform graph: a token is replaced, at rate 1, by any of the V states, itself included.

Legend in `graph`; V = vocab_size. Let rho = p(y | x0) / p(x0 | x0) for any y != x0, which equals
(e^sigma - 1) / (e^sigma - 1 + V). At x = x0 the true ratio of every other state is rho. At x != x0
the true ratio of x0 is 1 / rho, and that of every other state is 1.
Source: Lou et al. 2024, Q_uniform.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.graph import Graph, like_positions
from sedd.diffusion.randomness import rand, randint


class Uniform(Graph):
    """The uniform graph over `vocab_size` tokens."""

    @property
    def num_states(self) -> int:
        return self.vocab_size

    @property
    def mask(self) -> None:
        return None

    def transition(self, x0: Tensor, sigma: Tensor) -> Tensor:
        sigma = like_positions(sigma, x0)[..., None]
        stay = F.one_hot(x0, self.num_states) * torch.exp(-sigma)
        return stay - torch.expm1(-sigma) / self.num_states

    def sample_transition(
        self, x0: Tensor, sigma: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        moved = rand(x0.shape, generator, x0.device) < -torch.expm1(-like_positions(sigma, x0))
        return torch.where(moved, randint(self.num_states, x0.shape, generator, x0.device), x0)

    def sample_limit(
        self,
        shape: Sequence[int],
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        return randint(self.num_states, shape, generator, torch.device(device))

    def log_rho(self, sigma: Tensor) -> Tensor:
        """log rho, see the top of this module; float64, in the shape of sigma."""
        # 1 - V / (e^sigma - 1 + V) would cancel for small sigma; float64 because log rho is
        # subtracted from log scores
        odds = torch.expm1(sigma.double())
        return torch.log(odds) - torch.log(odds + self.num_states)

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        # every term is r (e^u - 1 - u) with u = log s - log r, which does not cancel
        log_rho = self.log_rho(like_positions(sigma, x))
        same = x == x0
        # log r of the states that are neither x nor x0
        base = torch.where(same, log_rho, 0.0)[..., None]
        u = log_score - base.to(log_score.dtype)
        terms = (torch.expm1(u) - u).scatter(-1, x[..., None], 0.0)
        others = base.exp()[..., 0] * terms.scatter(-1, x0[..., None], 0.0).sum(-1)
        u0 = log_score.gather(-1, x0[..., None])[..., 0] + log_rho
        moved = torch.exp(-log_rho) * (torch.expm1(u0) - u0)
        entropy = others + torch.where(same, 0.0, moved)
        return (entropy / self.num_states).to(log_score.dtype)

    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        exits = log_score.exp() * like_positions(step, x)[..., None] / self.num_states
        exits = exits.scatter(-1, x[..., None], 0.0)
        return exits.scatter(-1, x[..., None], 1 - exits.sum(-1, keepdim=True))

    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        """As in `Graph`. A step of length d multiplies the errors of log_score by e^d.

        The step itself adds none, but those of the network remain. In float32 a transformer rounds
        its log scores to about 1e-7, mostly before its last layer: with that layer in float64, 85 %
        of the error is left. At d = 20 this is 50 times the weights, besides what the network has
        not learned. So few steps from high noise are not accurate with this sampler.
        """
        step = like_positions(step, x)
        # (e^-dQ s)_y = e^d s_y - (e^d - 1) mean(s), from s - 1: at high noise the scores are close
        # to 1, and e^d would amplify their rounding
        excess = torch.expm1(log_score)
        growth = torch.expm1(step)[..., None]
        earlier = 1 + excess + growth * (excess - excess.mean(-1, keepdim=True))
        return earlier * self.transition(x, step)  # e^dQ is symmetric

    def denoiser_scores(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        return self.denoiser_excess(logits, x, sigma).add_(1.0)

    def denoiser_excess(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """mu(y) (1 / rho - 1) - mu(x) (1 - rho), the closed form of the definition."""
        mu = logits.softmax(-1)
        odds = torch.expm1(sigma.double())[:, None]
        at_x = mu.gather(1, x[:, None]) * (self.num_states / (odds + self.num_states)).to(mu.dtype)
        excess = (mu * (self.num_states / odds).to(mu.dtype)).sub_(at_x)
        return excess.scatter_(1, x[:, None], 0.0)
