"""The whole law of a masked text under reverse steps with the exact denoiser, by enumeration.

Written from the formulas in plain probabilities, alpha = e^-sigma; shares nothing with the samplers.
S states (V + 1)^L of a text of L positions over V tokens and the mask.
"""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.exact import Data
from helpers.optimal import all_states


class MaskedChain:
    """clamp: (tokens, mask), each (L,): positions that hold their tokens at every time."""

    def __init__(self, data: Data, clamp: tuple[Tensor, Tensor] | None = None):
        self.data = data
        self.mask = data.graph.vocab_size
        length = data.support.shape[1]
        self.states = all_states(self.mask + 1, length)  # (S, L)
        tokens, fixed = clamp or (torch.zeros(length), torch.zeros(length, dtype=torch.bool))
        self.fixed = fixed
        self.start = torch.where(fixed, tokens, self.mask).long()
        one_hot = torch.nn.functional.one_hot(data.support, self.mask).double()
        # what is masked says nothing, at any noise level
        self.mu = torch.einsum("sk,klv->slv", data.posterior(self.states, 1.0), one_hot)

    def index(self, x: Tensor) -> Tensor:
        """Which of the S states each row of x (B, L) is."""
        place = (self.mask + 1) ** torch.arange(x.shape[1] - 1, -1, -1)
        return (x * place).sum(1)

    def all_masked(self) -> Tensor:
        """The law (S,) of the start: all mass on the masked text with its clamped tokens."""
        law = torch.zeros(len(self.states), dtype=torch.float64)
        law[self.index(self.start[None])] = 1.0
        return law

    def conditional(self) -> Tensor:
        """The law (K,) of the data, given the clamped tokens."""
        fits = (self.data.support == self.start)[:, self.fixed].all(1)
        law = self.data.probability * fits
        return law / law.sum()

    def forward(self, alpha: float) -> Tensor:
        """The law (S,) of the conditional, with each free token masked with probability 1 - alpha."""
        same = self.states[:, None] == self.data.support  # (S, K, L)
        visible = torch.where(self.fixed, 1.0, torch.tensor(alpha, dtype=torch.float64))
        hidden = (self.states == self.mask)[:, None] & ~self.fixed
        chance = torch.where(same, visible, torch.where(hidden, 1 - visible, 0.0))
        return chance.prod(-1) @ self.conditional()

    def texts(self, law: Tensor) -> Tensor:
        """The law (K,) of the clean texts, from a law (S,) without masks."""
        clean = law[self.index(self.data.support)]
        assert abs(clean.sum() - 1) < 1e-9
        return clean

    def transition(self, fill: float | Tensor, again: float | Tensor) -> Tensor:
        """T (S, S): a mask becomes y with probability fill mu_y, a token a mask with `again`.

        fill, again: numbers, or by state and position, (S, L).
        """
        hidden = (self.states == self.mask)[..., None]
        size = self.states.shape
        fill, again = (
            torch.as_tensor(v, dtype=torch.float64).expand(size)[..., None] for v in (fill, again)
        )
        stay = torch.nn.functional.one_hot(self.states, self.mask + 1).double()
        to_mask = torch.zeros_like(stay)
        to_mask[..., self.mask] = 1.0
        filled = torch.cat([fill * self.mu, 1 - fill], dim=-1)
        moved = torch.where(hidden, filled, (1 - again) * stay + again * to_mask)
        moved = torch.where(self.fixed[:, None], stay, moved)  # (S, L, V + 1)
        target = self.states.T  # (L, S)
        return torch.stack([moved[:, i][:, at] for i, at in enumerate(target)]).prod(0)

    def one_position(self) -> Tensor:
        """T (S, S): one masked position, each with equal probability, becomes y with mu_y."""
        hidden = (self.states == self.mask).double()
        total = torch.zeros(len(self.states), len(self.states), dtype=torch.float64)
        for position in range(hidden.shape[1]):
            here = torch.zeros_like(hidden)
            here[:, position] = 1.0
            total += hidden[:, position, None] * self.transition(here, 0.0)
        count = hidden.sum(1, keepdim=True)
        stay = torch.eye(len(self.states), dtype=torch.float64)
        return torch.where(count > 0, total / count.clamp(min=1), stay)

    def step(self, law: Tensor, alpha_t: float, alpha_s: float, rate: float = 0.0) -> Tensor:
        """The law (S,) after a step, with tokens masked again at `rate`."""
        fill = (alpha_s - (1 - rate) * alpha_t) / (1 - alpha_t)
        return law @ self.transition(fill, rate)


def distance(law: Tensor, other: Tensor) -> float:
    """Total variation."""
    return float((law - other).abs().sum()) / 2
