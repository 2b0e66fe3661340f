"""One reverse step by its definition: probabilities for every position, and a draw from each row.

`fast.reverse` does the same without the table. B batch, L sequence length, V states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision, draw
from sedd.diffusion.graph import Graph, StepKind
from sedd.diffusion.network import ScoreFunction


@dataclass(frozen=True)
class PlainReverseStep:
    """Moves states in place. precision: of the draws, see `categorical`."""

    model: ScoreFunction
    graph: Graph
    generator: torch.Generator | None
    precision: DrawPrecision = "float64"

    def move_(self, x: Tensor, rows: Tensor, kind: StepKind, sigma: Tensor, step: float) -> None:
        """Redraw x (B, L) at flat positions `rows` (n,).

        sigma: (1,) or (B,). step: dt * dsigma (euler), difference of sigma (analytic), or sigma
        (denoise).
        """
        log_score = self.model(x, sigma.expand(x.shape[0]))
        steps = log_score.new_full((x.shape[0],), step)
        probs = self.graph.step_probs(kind, log_score, x, steps).flatten(0, 1)
        x.view(-1)[rows] = draw(probs, self.generator, self.precision)[rows]
