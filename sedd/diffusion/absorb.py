"""The absorbing graph: a token moves to the mask, at rate 1, and stays there.

Legend in `graph`. The mask is state V - 1 = vocab_size. Only masked positions have a loss, and only
they move in reverse. At a masked position the true ratio of y = x0 is 1 / (e^sigma - 1), and that
of every other token is 0. Source: Lou et al. 2024, Q_absorb.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.graph import Graph, like_positions
from sedd.diffusion.randomness import rand


class Absorb(Graph):
    """The absorbing graph over `vocab_size` tokens and a mask."""

    @property
    def num_states(self) -> int:
        return self.vocab_size + 1

    @property
    def mask(self) -> int:
        return self.vocab_size

    def transition(self, x0: Tensor, sigma: Tensor) -> Tensor:
        sigma = like_positions(sigma, x0)[..., None]
        probs = F.one_hot(x0, self.num_states) * torch.exp(-sigma)
        probs[..., self.mask :] -= torch.expm1(-sigma)
        return probs

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
        # The term of x0 is r (e^u - 1 - u) with u = log s - log r; every other term is s. The
        # textbook form would add terms of size r = 1e5 that cancel. For the same reason, the
        # scalars of each row are in float64.
        log_ratio = -torch.log(torch.expm1(like_positions(sigma, x).double()))
        target = x0[..., None]
        u = log_score.gather(-1, target)[..., 0] - log_ratio
        others = log_score.exp().scatter(-1, target, 0.0)[..., : self.mask].sum(-1)
        entropy = others + log_ratio.exp() * (torch.expm1(u) - u)
        return torch.where(x == self.mask, entropy, 0.0).to(log_score.dtype)

    def euler_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        return self._unmask(log_score, x, like_positions(step, x))

    def analytic_step_weights(self, log_score: Tensor, x: Tensor, step: Tensor) -> Tensor:
        # e^-dQ takes s_y to e^d s_y, and (e^dQ)(mask | y) = 1 - e^-d
        return self._unmask(log_score, x, torch.expm1(like_positions(step, x)))

    def denoiser_scores(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """mu(y) / (e^sigma - 1) at masked positions (Ou et al. 2024, theorem 1)."""
        score = logits[:, : self.mask].softmax(-1)
        score /= torch.expm1(sigma.double()).to(score.dtype)[:, None]
        score = F.pad(score, (0, 1), value=1.0)
        return torch.where((x == self.mask)[:, None], score, F.one_hot(x, self.num_states))

    def _unmask(self, log_score: Tensor, x: Tensor, scale: Tensor) -> Tensor:
        """A masked position becomes y with weight scale * s_y, or stays; other positions stay."""
        exits = log_score.exp() * scale[..., None]
        exits[..., self.mask] = 1 - exits[..., : self.mask].sum(-1)
        stay = F.one_hot(x, self.num_states).to(exits.dtype)
        return torch.where((x == self.mask)[..., None], exits, stay)
