"""One reverse step that touches the vocabulary once, and only at positions that can move.

Faster form of `sedd.diffusion.reverse`: exit weights decide whether a position jumps, and only
positions that jump draw a new state. Rows go through in chunks, see `score_tables`.

B batch, L sequence length, V states. r rows: flat positions of (B, L) in one chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.fast.jump import jump_, race_
from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.fast.score_tables import ScoreTables
from sedd.diffusion.graph import Graph, StepKind
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.randomness import of_texts, row_chunks
from sedd.diffusion.sharpening import UNCHANGED, Sharpening


@dataclass
class ReverseStep:
    """Moves states in place. The model must not change between steps.

    precision: of the draws, see `categorical`.
    sharpening: of the law of the new token; absorbing graph only.
    drawn: (B * L,) float64: each position that moves gets the probability that its new state had
        among all states to move to. None: not recorded.
    Raises TypeError if the graph has no fast parts.
    """

    model: ScoreFunction
    graph: Graph
    generator: torch.Generator | None
    precision: DrawPrecision = "float64"
    sharpening: Sharpening = UNCHANGED
    drawn: Tensor | None = None

    def __post_init__(self) -> None:
        self.parts = require_fast_parts(self.graph)
        several = self.precision == "float32" or self.sharpening != UNCHANGED
        self.tables = ScoreTables(self.model, self.graph, several)

    def move_(self, x: Tensor, rows: Tensor, kind: StepKind, sigma: Tensor, step: float) -> None:
        """Redraw x (B, L) at flat positions `rows` (n,); of an absorbing graph, masked positions.

        sigma: (1,) or (B,). step: see `FastParts.exit_weights_`.
        """
        flat, texts = x.view(-1), rows // x.shape[1]
        chunks = row_chunks(self.generator, texts, self.tables.chunk_size(x.device))
        excess = self.parts.takes_excess(kind, step)
        if self.can_share_one_row(x, rows, sigma):
            score = self.tables.table(self.tables.call(x[:1, :1], rows.new_zeros(1), sigma))
            exits = self.parts.exit_weights_(score, flat[:1], kind, step)
            for part in chunks:
                generator = of_texts(self.generator, texts[part])
                jump_(flat, rows[part], score, exits, generator, self.sharpening, self.drawn)
            return
        output = self.tables.call(x, rows, sigma)
        for part in chunks:
            chunk, generator = rows[part], of_texts(self.generator, texts[part])
            score = self.tables.table(output[part], excess)
            exits = self.parts.exit_weights_(score, flat[chunk], kind, step)
            if self.precision == "float32":
                race_(flat, chunk, score, exits, generator, self.drawn)
            else:
                jump_(flat, chunk, score, exits, generator, self.sharpening, self.drawn)

    def can_share_one_row(self, x: Tensor, rows: Tensor, sigma: Tensor) -> bool:
        """Whether all positions are masked and the network returns the same scores for all of them.

        The network then runs on one position instead of B * L.
        differs from the official code, which runs on all: in 8 steps and a last one, this saves a
        ninth of the work. Not on a GPU, where draws are few launches for any number of rows, and
        where another shape would recompile a compiled network. Not for an exponential race, which
        needs a table of all rows.
        """
        all_masked = (
            self.graph.mask is not None and 0 < rows.numel() == x.numel() and sigma.numel() == 1
        )
        invariant = getattr(self.model, "constant_input_invariant", False)
        return all_masked and invariant and x.device.type == "cpu" and self.precision == "float64"
