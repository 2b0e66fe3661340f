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
    total_weight = total + stay.clamp(min=0)
    _redraw_(flat, rows, table, cdf, total, total_weight, generator, sharpening, drawn)


def leap_(
    flat: Tensor,
    rows: Tensor,
    table: Tensor,
    exits: ExitWeights,
    generator: torch.Generator | None,
    sharpening: Sharpening = UNCHANGED,
) -> None:
    """Jumps at constant rates, at most one per row.

    The weights of leaving are rates times duration. With a sum E of these weights a row jumps with
    probability 1 - e^-E. Arguments as in `jump_`.
    """
    cdf = RowCdf(table)
    leave = -torch.expm1(-exits.scale * cdf.totals)
    _redraw_(flat, rows, table, cdf, leave, torch.ones_like(leave), generator, sharpening)


def _redraw_(
    flat: Tensor,
    rows: Tensor,
    table: Tensor,
    cdf: RowCdf,
    leave: Tensor,
    total: Tensor,
    generator: torch.Generator | None,
    sharpening: Sharpening,
    drawn: Tensor | None = None,
) -> None:
    """A row jumps with probability leave / total, to a state drawn from its table."""
    whether, where = rand((2, rows.shape[0]), generator, flat.device, dim=1)
    jump = (whether * total < leave).nonzero()[:, 0]
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
