"""The uniform graph: a token is replaced, at rate 1, by any of the V states, itself included.

Legend in `graph`; V = vocab_size. With rho = p(x | x0) / p(x0 | x0) for x != x0, that is
(e^sigma - 1) / (e^sigma - 1 + V), the true ratio at x = x0 is rho for every other state; at x != x0
it is 1 / rho for x0 and 1 for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.fast.vocabulary_sum import RestRatio, RowTerms
from sedd.diffusion.graph import ExitWeights, Graph, StepKind, like_positions
from sedd.diffusion.randomness import rand, randint


class Uniform(Graph):
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

    def _log_rho(self, sigma: Tensor) -> Tensor:
        # 1 - V / (e^sigma - 1 + V) would cancel for small sigma; float64 because log rho is
        # subtracted from log scores
        odds = torch.expm1(sigma.double())
        return torch.log(odds) - torch.log(odds + self.num_states)

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        # every term is r (e^u - 1 - u) with u = log s - log r, which does not cancel
        log_rho = self._log_rho(like_positions(sigma, x))
        same = x == x0
        base = torch.where(same, log_rho, 0.0)[
            ..., None
        ]  # log r of the states that are neither x nor x0
        u = log_score - base.to(log_score.dtype)
        terms = (torch.expm1(u) - u).scatter(-1, x[..., None], 0.0)
        others = base.exp()[..., 0] * terms.scatter(-1, x0[..., None], 0.0).sum(-1)
        u0 = log_score.gather(-1, x0[..., None])[..., 0] + log_rho
        moved = torch.exp(-log_rho) * (torch.expm1(u0) - u0)
        entropy = others + torch.where(same, 0.0, moved)
        return (entropy / self.num_states).to(log_score.dtype)

    def loss_positions(self, x: Tensor) -> None:
        return None

    def row_terms(self, sigma: Tensor, offset: Tensor, x: Tensor, x0: Tensor) -> RowTerms:
        log_rho = self._log_rho(sigma)
        offset = offset.double()
        same = x == x0
        terms = RowTerms(
            target=x0,
            exp_weight=torch.exp(-offset),
            target_weight=torch.where(same, 0.0, torch.exp(-log_rho)),
            target_shift=torch.where(same, 0.0, log_rho - offset),
            rest=RestRatio(x, offset + torch.where(same, log_rho, 0.0)),
        )
        return terms.scaled(1 / self.num_states)

    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        leave = log_score.exp() * like_positions(step, x)[..., None] / self.num_states
        leave = leave.scatter(-1, x[..., None], 0.0)
        return leave.scatter(-1, x[..., None], 1 - leave.sum(-1, keepdim=True))

    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        step = like_positions(step, x)
        score = log_score.exp()
        # e^-dQ s = e^d s - (e^d - 1) mean(s), without the difference of two large terms
        mean = score.mean(-1, keepdim=True)
        earlier = score + torch.expm1(step)[..., None] * (score - mean)
        return earlier * self.transition(x, step)  # e^dQ is symmetric

    def exit_weights_(self, score: Tensor, x: Tensor, kind: StepKind, step: float) -> ExitWeights:
        current = x[:, None]
        if kind == "euler":
            score.scatter_(1, current, 0.0)
            return ExitWeights(step / self.num_states, None)
        growth = math.expm1(step)
        mean = score.mean(1, keepdim=True).double()
        # (e^-dQ s)_y = (1 + growth) s_y - growth * mean, clamped at 0 as negative weights are
        # everywhere
        score.mul_(1 + growth).sub_((growth * mean).to(score.dtype)).clamp_(min=0)
        score.scatter_(1, current, 0.0)
        change = -math.expm1(-step) / self.num_states  # (e^dQ)(x | y), y != x
        stay = (1 + growth * (1 - mean[:, 0])).clamp(min=0) * (math.exp(-step) + change)
        return ExitWeights(change, stay)

    def denoiser_scores_(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        mu = logits.softmax(-1)
        rho = self._log_rho(sigma).exp()[:, None]
        at_x = mu.gather(1, x[:, None])
        score = mu * (1 / rho - 1).to(mu.dtype) + (1 - at_x * (1 - rho).to(mu.dtype))
        return score.scatter_(1, x[:, None], 1.0)
