"""One reverse step that touches the vocabulary once, and only at positions that can move.

Faster form of `sedd.diffusion.reverse`: exit weights decide whether a position jumps, and only
positions that jump draw a new state. Rows go through in chunks, so that a table (r, V) stays small;
its buffer is reused from step to step.

B batch, L sequence length, V states. r rows: flat positions of (B, L) in one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.denoiser import Denoiser
from sedd.diffusion.fast.jump import jump_, race
from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.fast.precision import (
    accumulation_dtype,
    compute_dtype,
    exp_product_into,
    product_into,
)
from sedd.diffusion.fast.vocabulary_sum import vocabulary_chunks
from sedd.diffusion.graph import Graph, StepKind
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.sharpening import UNCHANGED, Sharpening

# Elements of the table (r, V), by kind of device. CPU: enough rows that reading the weight costs
# little (128 MiB in float32). GPU: few launches for a step of 16 texts of 1024 tokens (6 tables of
# 512 MiB at V = 50257). A step that makes several tables of this size takes a quarter of the rows:
# with a denoiser, with an exponential race, or with sharpening.
TABLE_ELEMENTS = {"cpu": 2**25, "cuda": 2**27}


@dataclass
class ReverseStep:
    """Moves states in place. The model must not change between steps.

    precision: of the draws, see `categorical`.
    sharpening: of the law of the new token; absorbing graph only.
    Raises TypeError if the graph has no fast parts.
    """

    model: ScoreFunction
    graph: Graph
    generator: torch.Generator | None
    precision: DrawPrecision = "float64"
    sharpening: Sharpening = UNCHANGED
    _buffer: Tensor = field(default_factory=lambda: torch.empty(0), repr=False)
    # weight of the vocabulary layer, in the dtype of the product
    _weight: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.parts = require_fast_parts(self.graph)

    def move_(self, x: Tensor, rows: Tensor, kind: StepKind, sigma: Tensor, step: float) -> None:
        """Redraw x (B, L) at flat positions `rows` (n,); of an absorbing graph, masked positions.

        sigma: (1,) or (B,). step: see `FastParts.exit_weights_`.
        """
        flat = x.view(-1)
        if self._can_share_one_row(x, rows, sigma):
            ((_, score),) = self._scores(x[:1, :1], rows.new_zeros(1), sigma)
            exits = self.parts.exit_weights_(score, flat[:1], kind, step)
            for chunk in rows.split(self._chunk_size(x.device)):
                jump_(flat, chunk, score, exits, self.generator, self.sharpening)
            return
        for part, score in self._scores(x, rows, sigma):
            chunk = rows[part]
            exits = self.parts.exit_weights_(score, flat[chunk], kind, step)
            if self.precision == "float32":
                flat[chunk] = race(score, exits, flat[chunk], self.generator)
            else:
                jump_(flat, chunk, score, exits, self.generator, self.sharpening)

    def _can_share_one_row(self, x: Tensor, rows: Tensor, sigma: Tensor) -> bool:
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

    def _scores(self, x: Tensor, rows: Tensor, sigma: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """exp(log_score) of each chunk of rows: (r, V), 1 at the current state.

        The next chunk overwrites the table, and the caller may too.
        """
        size = self._chunk_size(x.device)
        chunks = [slice(s, s + size) for s in range(0, rows.shape[0], size)]
        if not isinstance(self.model, SplitNetwork):
            log_score = self.model(x, sigma.expand(x.shape[0])).flatten(0, 1)
            for part in chunks:
                yield part, log_score[rows[part]].exp_()
            return
        features = self.model.features(x, sigma, rows)
        weight, bias = self.model.vocabulary_layer()
        offset = self.model.log_score_offset(sigma)
        one_offset = offset.numel() == 1
        compute = compute_dtype(features, weight)
        wide = accumulation_dtype(compute)
        if self._weight is None:
            self._weight = weight.to(compute)
        weight, bias = self._weight, bias.to(wide) - (offset.to(wide) if one_offset else 0)
        denoiser = self.model if isinstance(self.model, Denoiser) else None
        exp_is_score = one_offset and denoiser is None
        fill = exp_product_into if exp_is_score else product_into
        for part in chunks:
            h = features[part].to(compute)
            table = self._table(h.shape[0], wide, x.device)
            with torch.autocast(x.device.type, enabled=False):
                for columns in _columns(table):
                    fill(table[:, columns], h, weight[columns].t(), bias[columns])
            if not one_offset:
                table -= offset[rows[part] // x.shape[1], None].to(wide)
            if denoiser is not None:
                row_sigma = sigma.expand(x.shape[0])[rows[part] // x.shape[1]]
                yield part, denoiser.scores(table, x.view(-1)[rows[part]], row_sigma)
                continue
            if not exp_is_score:
                table.exp_()
            yield part, table.scatter_(1, x.view(-1)[rows[part], None], 1.0)

    def _chunk_size(self, device: torch.device) -> int:
        """Rows in a table."""
        elements = TABLE_ELEMENTS.get(device.type, TABLE_ELEMENTS["cuda"])
        has_more_tables = isinstance(self.model, Denoiser) or self.precision == "float32"
        if has_more_tables or self.sharpening != UNCHANGED:
            elements //= 4
        return max(1, elements // self.graph.num_states)

    def _table(self, num_rows: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        size = num_rows * self.graph.num_states
        if self._buffer.numel() < size or self._buffer.dtype != dtype:
            self._buffer = torch.empty(size, dtype=dtype, device=device)
        return self._buffer[:size].view(num_rows, self.graph.num_states)


def _columns(table: Tensor) -> Iterator[slice]:
    """Ranges of columns of a table (r, V), to be filled one after the other.

    On a CPU each range fits the cache: two thirds of the time of one product. Elsewhere: one range.
    """
    if table.device.type != "cpu":
        return iter([slice(0, table.shape[1])])
    return vocabulary_chunks(table.shape[0], table.shape[1], table.device)
