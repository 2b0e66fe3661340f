"""The absorbing graph: a token moves to the mask, at rate 1, and stays there.

Legend in `graph`; the mask is state V - 1 = vocab_size. Only masked positions have a loss, and only
they move in reverse. At a masked position the true ratio of y = x0 is 1 / (e^sigma - 1), that of
any other token 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.fast.vocabulary_sum import RowTerms
from sedd.diffusion.graph import ExitWeights, Graph, StepKind, like_positions
from sedd.diffusion.randomness import rand


class Absorb(Graph):
    @property
    def num_states(self) -> int:
        return self.vocab_size + 1

    @property
    def mask(self) -> int:
        return self.vocab_size

    def transition(self, x0: Tensor, sigma: Tensor) -> Tensor:
        sigma = like_positions(sigma, x0)[..., None]
        stay = F.one_hot(x0, self.num_states) * torch.exp(-sigma)
        stay[..., self.mask :] -= torch.expm1(-sigma)
        return stay

    def sample_transition(
        self, x0: Tensor, sigma: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        moved = rand(x0.shape, generator, x0.device) < -torch.expm1(-like_positions(sigma, x0))
        return torch.where(moved, self.mask, x0)

    def sample_limit(
        self,
        shape: Sequence[int],
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        return torch.full(tuple(shape), self.mask, device=device)

    def score_entropy(self, log_score: Tensor, sigma: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        # In the form r (e^u - 1 - u), u = log s - log r, at x0, and s elsewhere. The textbook form
        # would add terms of the size of r = 1e5 that cancel. The scalars of a row are in float64
        # for the same reason.
        log_ratio = -torch.log(torch.expm1(like_positions(sigma, x).double()))
        target = x0[..., None]
        u = log_score.gather(-1, target)[..., 0] - log_ratio
        others = log_score.exp().scatter(-1, target, 0.0)[..., : self.mask].sum(-1)
        entropy = others + log_ratio.exp() * (torch.expm1(u) - u)
        return torch.where(x == self.mask, entropy, 0.0).to(log_score.dtype)

    def loss_positions(self, x: Tensor) -> Tensor:
        return (x.flatten() == self.mask).nonzero()[:, 0]

    def row_terms(self, sigma: Tensor, offset: Tensor, x: Tensor, x0: Tensor) -> RowTerms:
        odds = torch.expm1(sigma.double())
        return RowTerms(
            target=x0,
            exp_weight=torch.exp(-offset.double()),
            target_weight=1 / odds,
            target_shift=torch.log(odds) - offset,
        )

    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        return self._unmask(log_score, x, like_positions(step, x))

    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        # e^-dQ takes s_y to e^d s_y and (e^dQ)(mask | y) = 1 - e^-d
        return self._unmask(log_score, x, torch.expm1(like_positions(step, x)))

    def exit_weights_(self, score: Tensor, x: Tensor, kind: StepKind, step: float) -> ExitWeights:
        score.scatter_(1, x[:, None], 0.0)
        if kind == "denoise":
            return ExitWeights(1.0, score.new_zeros(x.shape))
        return ExitWeights(step if kind == "euler" else math.expm1(step), None)

    def denoiser_scores_(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        score = logits[:, : self.mask].softmax(-1)
        score /= torch.expm1(sigma.double()).to(score.dtype)[:, None]
        score = F.pad(score, (0, 1), value=1.0)
        return torch.where((x == self.mask)[:, None], score, F.one_hot(x, self.num_states))

    def _unmask(self, log_score: Tensor, x: Tensor, scale: Tensor) -> Tensor:
        """A masked position becomes y with weight scale * s_y, or stays; others stay."""
        leave = log_score.exp() * scale[..., None]
        leave[..., self.mask] = 1 - leave[..., : self.mask].sum(-1)
        stay = F.one_hot(x, self.num_states).to(leave.dtype)
        return torch.where((x == self.mask)[..., None], leave, stay)
