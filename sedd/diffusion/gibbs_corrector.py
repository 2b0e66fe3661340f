"""Gibbs corrector for graphs without a mask: redraws positions given the rest of the text.

p_t is the law of noisy texts at time t. The scores at a position give its conditional law:
p_t(x_i = y | rest) = s_y / sum of s. A corrector call redraws random positions of each text from
it. With one position per call, p_t stays invariant if the scores are exact, and errors of earlier
steps fade. Several positions per call are redrawn as if they were independent given the others: p_t
is then invariant only approximately, up to the dependence among the redrawn positions.

Clamped positions: reverse steps take clamped tokens for noisy ones, so by themselves they do not
draw from the conditional law of the free tokens. (Nor do they if clamped tokens are noised as the
others are: the error then is as large.) A corrector call leaves p_t(free | clamped) invariant, which
becomes the conditional law of the data as t goes to 0. So with a call of one position after each
step, every sampler on a grid of times reaches it as steps grow.

Source: the corrector of Campbell et al. 2022, "A continuous time framework for discrete denoising
models", arXiv 2205.14987, with a Gibbs update in place of forward and reverse rates.

B batch, L sequence length, V states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision, draw
from sedd.diffusion.fast.score_tables import ScoreTables
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.randomness import of_texts, rand, row_chunks


@dataclass(frozen=True)
class GibbsCorrector:
    """Redraws positions in place.

    num_calls: network calls. num_positions: of a text, per call.
    only_clamped: leave texts without clamped tokens as they are.
    """

    tables: ScoreTables
    generator: torch.Generator | None
    precision: DrawPrecision
    num_calls: int
    num_positions: int
    calls: Tensor | None = None
    only_clamped: bool = False

    def __call__(self, x: Tensor, free: Tensor, sigma: Tensor) -> None:
        """Redraw some of the flat positions `free` (n,) of x (B, L) at noise sigma (1,)."""
        if self.only_clamped:
            texts = free // x.shape[1]
            free = free[texts.bincount(minlength=x.shape[0])[texts] < x.shape[1]]
        for _ in range(self.num_calls):
            rows = self.choose(x, free)
            count_calls_(self.calls, self.tables.model, x, rows)
            output = self.tables.call(x, rows, sigma)
            texts = rows // x.shape[1]
            for part in row_chunks(self.generator, texts, self.tables.chunk_size(x.device)):
                score = self.tables.table(output[part])
                generator = of_texts(self.generator, texts[part])
                x.view(-1)[rows[part]] = draw(score, generator, self.precision)

    def choose(self, x: Tensor, free: Tensor) -> Tensor:
        """Flat positions of x (B, L), at random: `num_positions` of each text, or all its free."""
        all_free = free.numel() == x.numel()
        texts = torch.arange(x.shape[0], device=x.device)
        if not all_free:  # other texts draw no number
            texts = (free // x.shape[1]).unique_consecutive()
        generator = of_texts(self.generator, texts)
        order = rand((texts.numel(), x.shape[1]), generator, x.device)
        if not all_free:
            is_free = torch.zeros(x.numel(), dtype=torch.bool, device=x.device)
            is_free = is_free.index_fill(0, free, True).view_as(x)[texts]
            order = order.masked_fill(~is_free, -1.0)
        chosen = order.topk(min(self.num_positions, x.shape[1]), dim=1)
        rows = (texts[:, None] * x.shape[1] + chosen.indices).flatten()
        return rows if all_free else rows[chosen.values.flatten() >= 0]


def clamp_corrector(
    model: ScoreFunction,
    graph: Graph,
    x: Tensor,
    free: Tensor,
    generator: torch.Generator | None,
    precision: DrawPrecision,
    calls: Tensor | None,
) -> GibbsCorrector | None:
    """One call of one position after each step, if texts (B, L) have clamped tokens and no mask.

    free: flat positions that may change. calls: as in `count_calls_`.
    """
    if graph.mask is not None or free.numel() == x.numel():
        return None
    tables = ScoreTables(model, graph, several=precision == "float32")
    return GibbsCorrector(tables, generator, precision, 1, 1, calls, only_clamped=True)
