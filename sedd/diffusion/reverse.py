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
from sedd.diffusion.randomness import of_texts
from sedd.diffusion.sharpening import UNCHANGED, Sharpening


@dataclass
class PlainReverseStep:
    """Moves states in place.

    precision: of the draws, see `categorical`.
    sharpening: changes where masks jump to, not whether they jump; absorbing graph only.
    drawn: as in `ReverseStep`.
    """

    model: ScoreFunction
    graph: Graph
    generator: torch.Generator | None
    precision: DrawPrecision = "float64"
    sharpening: Sharpening = UNCHANGED
    drawn: Tensor | None = None

    def move_(self, x: Tensor, rows: Tensor, kind: StepKind, sigma: Tensor, step: float) -> None:
        """Redraw x (B, L) at flat positions `rows` (n,).

        sigma: (1,) or (B,). step: dt * dsigma (euler), difference of sigma (analytic), or sigma
        (denoise).
        """
        log_score = self.model(x, sigma.expand(x.shape[0]))
        steps = log_score.new_full((x.shape[0],), step)
        probs = self.graph.step_probs(kind, log_score, x, steps).flatten(0, 1)
        if self.sharpening != UNCHANGED:
            assert self.graph.mask is not None, "only draws that replace a mask are sharpened"
            probs = sharpen_exits(probs, self.graph.mask, self.sharpening)
        texts = torch.arange(x.numel(), device=x.device) // x.shape[1]
        before = x.view(-1)[rows]
        state = draw(probs, of_texts(self.generator, texts), self.precision)[rows]
        x.view(-1)[rows] = state
        if self.drawn is not None:
            states = torch.arange(probs.shape[1], device=x.device)
            others = probs[rows] * (states != before[:, None])
            chance = others.gather(1, state[:, None])[:, 0] / others.sum(1)
            self.drawn[rows] = torch.where(state != before, chance.double(), self.drawn[rows])


def sharpen_exits(probs: Tensor, mask: int, sharpening: Sharpening) -> Tensor:
    """Sharpen the law of the tokens in rows (n, V) or (n, V - 1); keep their total probability."""
    tokens, stay = probs[:, :mask], probs[:, mask:]
    total = tokens.sum(-1, keepdim=True)
    sharp = sharpening(tokens)
    return torch.cat([sharp * (total / sharp.sum(-1, keepdim=True)), stay], dim=-1)
