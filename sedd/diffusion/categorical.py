"""Draws from rows of weights (n, V), which need not sum to 1.

"float64" inverts the cumulative sum in float64: the probability of every state, however rare, is
right to a relative error of 1e-7.
"float32" runs an exponential race, as the paper's runs did: the state with the largest
weight / exponential wins, in the precision of the weights. In float32 the exponentials come from
uniforms on a grid of 2^-24, so none is below 6e-8. States rarer than that hardly ever win, and
texts drawn in many steps lose entropy (Zheng et al. 2024, "Masked diffusion models are secretly
time-agnostic masked models", arXiv 2409.02908).

n rows, V states.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from sedd.diffusion.randomness import rand

DrawPrecision = Literal["float64", "float32"]
BLOCK = 512  # states in a block of the first level


class RowCdf:
    """Cumulative sums of rows (n, V) in two levels.

    The first level holds sums of blocks for all rows; the second, one block for each drawn row.
    """

    def __init__(self, weights: Tensor):
        self.weights = weights  # (n, V), >= 0
        self.width = min(BLOCK, weights.shape[1])
        whole = weights.shape[1] // self.width * self.width
        # in the precision of the weights, ten times faster than in float64: right to 1e-7 of a
        # block
        sums = [weights[:, :whole].unflatten(1, (-1, self.width)).sum(-1)]
        if whole < weights.shape[1]:
            sums.append(weights[:, whole:].sum(-1, keepdim=True))
        self.blocks = torch.cat(sums, dim=1).cumsum(1, dtype=torch.float64)
        self.totals = self.blocks[:, -1]  # (n,), float64

    def draw(self, u: Tensor, rows: Tensor | None = None) -> Tensor:
        """First state at which the cumulative sum of a row exceeds the fraction u of its total.

        u: (m,), float64 in [0, 1). rows: (m,) rows to draw from; None: all, in order. Returns (m,).
        """
        if rows is None:
            rows = torch.arange(self.weights.shape[0], device=self.weights.device)
        blocks = self.blocks[rows]
        goal = _below(u * blocks[:, -1], blocks[:, -1])[:, None]
        block = torch.searchsorted(blocks, goal, right=True)
        before = torch.where(block > 0, blocks.gather(1, (block - 1).clamp(min=0)), 0.0)
        fraction = (goal - before) / (blocks.gather(1, block) - before)
        state = block * self.width + torch.arange(self.width, device=blocks.device)
        inside = state < self.weights.shape[1]
        state = state.clamp(max=self.weights.shape[1] - 1)
        weights = torch.where(inside, self.weights[rows[:, None], state], 0.0)
        within = weights.cumsum(1, dtype=torch.float64)
        # a fraction of the exact sum: the rounded sum may be too small to reach a rare last state
        goal = _below(fraction * within[:, -1:], within[:, -1:])
        return state.gather(1, torch.searchsorted(within, goal, right=True))[:, 0]

    def probability(self, state: Tensor, rows: Tensor | None = None) -> Tensor:
        """Probability with which `draw` gives each state (m,), from the same rows: (m,), float64."""
        if rows is None:
            rows = torch.arange(self.weights.shape[0], device=self.weights.device)
        return self.weights[rows, state].double() / self.totals[rows]


def _below(value: Tensor, bound: Tensor) -> Tensor:
    """Clamp to the largest number below `bound`: rounding may have lifted `value` to it or above."""
    return torch.minimum(value, torch.nextafter(bound, torch.zeros_like(bound)))


def draw(
    weights: Tensor,
    generator: torch.Generator | None = None,
    precision: DrawPrecision = "float64",
) -> Tensor:
    """One state from each row of (n, V): (n,)."""
    if precision == "float32":
        return exponential_race(weights, generator)
    return RowCdf(weights).draw(rand(weights.shape[:1], generator, weights.device))


def exponential_race(weights: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The first of V exponential clocks to ring in each row of (n, V): (n,).

    In the precision of the weights.
    """
    u = rand(weights.shape, generator, weights.device, dtype=weights.dtype)
    return (weights / clocks(u)).argmax(-1)


def clocks(u: Tensor) -> Tensor:
    """Exponential times from uniforms on [0, 1), kept off 0 and infinity as in the paper's runs."""
    return 1e-10 - torch.log(u + 1e-10)
