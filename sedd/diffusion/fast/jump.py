"""Draws of rows from exit weights: first whether a row jumps, then where to.

n, r rows: single positions. V states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import RowCdf, exponential_race
from sedd.diffusion.randomness import rand
from sedd.diffusion.sharpening import UNCHANGED, Sharpening


@dataclass(frozen=True)
class ExitWeights:
    """Weights of leaving a row's state: `scale` times the table that `exit_weights_` filled.

    stay: (r,) weight of staying. None: 1 minus the weights of leaving.
    """

    scale: float
    stay: Tensor | None


def jump_(
    flat: Tensor,
    rows: Tensor,
    table: Tensor,
    exits: ExitWeights,
    generator: torch.Generator | None,
    sharpening: Sharpening = UNCHANGED,
    drawn: Tensor | None = None,
) -> None:
    """Redraw `rows` (r,) of the flat states, exactly; only rows that jump draw a new state.

    table: (r, V), or (1, V) if all rows share one. sharpening: of the law of a jump's new state.
    drawn: flat, as in `ReverseStep`.
    """
    cdf = RowCdf(table)
    total = exits.scale * cdf.totals
    stay = 1 - total if exits.stay is None else exits.stay
    whether, where = rand((2, rows.shape[0]), generator, flat.device, dim=1)
    jump = (whether * (total + stay.clamp(min=0)) < total).nonzero()[:, 0]
    shared = table.shape[0] == 1
    if sharpening != UNCHANGED:
        cdf = RowCdf(sharpening(table if shared else table[jump]))
        source = torch.zeros_like(jump) if shared else None  # None: row i of the new table
    else:
        source = torch.zeros_like(jump) if shared else jump
    flat[rows[jump]] = state = cdf.draw(where[jump], source)
    if drawn is not None:
        drawn[rows[jump]] = cdf.probability(state, source)


def race_(
    flat: Tensor,
    rows: Tensor,
    table: Tensor,
    exits: ExitWeights,
    generator: torch.Generator | None,
    drawn: Tensor | None = None,
) -> None:
    """Redraw `rows` (r,) of the flat states, by `exponential_race` in float32.

    All states take part, the current one included. table: (r, V). drawn: as in `jump_`.
    """
    x = flat[rows]
    weights = table.float() * exits.scale
    stay = 1 - weights.sum(1) if exits.stay is None else exits.stay.float()
    weights.scatter_(1, x[:, None], stay.clamp(min=0)[:, None])
    flat[rows] = state = exponential_race(weights, generator)
    if drawn is not None:
        chance = table.gather(1, state[:, None])[:, 0] / table.sum(1)
        drawn[rows] = torch.where(state != x, chance.double(), drawn[rows])
