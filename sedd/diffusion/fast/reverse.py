"""One reverse step that touches the vocabulary once, and only where a token can change.

First it is decided whether a position jumps, from the total weight of all other states; then only
positions that jump draw where to, exactly. B batch, L sequence length, V states; r rows: flat
positions of (B, L), taken in groups so that a table (r, V) stays small; its buffer is kept from
step to step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from sedd.diffusion.categorical import RowCdf, exponential_race, nucleus
from sedd.diffusion.denoiser import Denoiser
from sedd.diffusion.fast.precision import (
    accumulation_dtype,
    compute_dtype,
    exp_product_into,
    product_into,
)
from sedd.diffusion.fast.vocabulary_sum import pieces
from sedd.diffusion.graph import ExitWeights, Graph, StepKind
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.randomness import rand

Precision = Literal["float64", "float32"]
# Of the table (r, V), by kind of device: enough rows that reading the weight costs little (CPU: 128 MiB in float32), and, on a
# GPU, that a step of 16 texts of 1024 tokens takes few launches (6 tables of 512 MiB at V = 50257). A step that makes several
# more of them, of a denoiser, of `race` or of top_p, takes a quarter of the rows.
TABLE_ELEMENTS = {"cpu": 2**25, "cuda": 2**27}


@dataclass
class ReverseStep:
    """Moves states in place, by a model that does not change meanwhile. precision: how draws are made, see `categorical`.
    top_p: None, or the mass kept of a jump.
    """

    model: ScoreFunction
    graph: Graph
    generator: torch.Generator | None
    precision: Precision = "float64"
    top_p: float | None = None
    _buffer: Tensor = field(default_factory=lambda: torch.empty(0), repr=False)
    # of the vocabulary layer, in the precision in which it is multiplied
    _weight: Tensor | None = field(default=None, repr=False)

    def move_(self, x: Tensor, rows: Tensor, kind: StepKind, sigma: Tensor, step: float) -> None:
        """Redraw x (B, L) at flat positions `rows` (n,), of an absorbing graph masked ones. sigma: (1,) or (B,); step: as for
        the kind of step.
        """
        flat = x.view(-1)
        if self._blank(x, rows, sigma):
            ((_, score),) = self._scores(x[:1, :1], rows.new_zeros(1), sigma)
            leave = self.graph.exit_weights_(score, flat[:1], kind, step)
            for here in rows.split(self._group_size(x.device)):
                self._jump_(flat, here, score, leave)
            return
        for part, score in self._scores(x, rows, sigma):
            here = rows[part]
            leave = self.graph.exit_weights_(score, flat[here], kind, step)
            if self.precision == "float32":
                flat[here] = self._race(score, leave, flat[here])
            else:
                self._jump_(flat, here, score, leave)

    def _blank(self, x: Tensor, rows: Tensor, sigma: Tensor) -> bool:
        """Whether nothing is known yet, so that the network says the same of every position, and is asked about one.

        differs from the official code, which asks about all of them: of 8 steps and a last one, that is a ninth of the work.
        Not on a GPU, where the draws are few launches for any number of rows, and a compiled network would be compiled anew for
        another shape; nor for `race`, whose draws go through a table.
        """
        blank = self.graph.mask is not None and 0 < rows.numel() == x.numel() and sigma.numel() == 1
        alike = getattr(self.model, "constant_input_invariant", False)
        return blank and alike and x.device.type == "cpu" and self.precision == "float64"

    def _jump_(self, flat: Tensor, rows: Tensor, weights: Tensor, leave: ExitWeights) -> None:
        """First whether, then where to. weights: (n, V), or (1, V) if all rows share them."""
        cdf = RowCdf(weights)
        total = leave.scale * cdf.totals
        stay = 1 - total if leave.stay is None else leave.stay
        whether, where = rand((2, rows.shape[0]), self.generator, flat.device)
        jump = (whether * (total + stay.clamp(min=0)) < total).nonzero()[:, 0]
        shared = weights.shape[0] == 1
        if self.top_p is not None:
            cdf = RowCdf(nucleus(weights if shared else weights[jump], self.top_p))
            source = torch.zeros_like(jump) if shared else None  # None: each row its own
        else:
            source = torch.zeros_like(jump) if shared else jump
        flat[rows[jump]] = cdf.draw(where[jump], source)

    def _race(self, weights: Tensor, leave: ExitWeights, x: Tensor) -> Tensor:
        """All states at once, the current one among them."""
        weights = weights.float() * leave.scale
        stay = 1 - weights.sum(1) if leave.stay is None else leave.stay.float()
        weights.scatter_(1, x[:, None], stay.clamp(min=0)[:, None])
        return exponential_race(weights, self.generator)

    def _scores(self, x: Tensor, rows: Tensor, sigma: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """exp(log_score) of the rows, group by group: (r, V), 1 at the current state; the table may
        be overwritten.
        """
        size = self._group_size(x.device)
        groups = [slice(s, s + size) for s in range(0, rows.shape[0], size)]
        if not isinstance(self.model, SplitNetwork):
            log_score = self.model(x, sigma.expand(x.shape[0])).flatten(0, 1)
            for part in groups:
                yield part, log_score[rows[part]].exp_()
            return
        features = self.model.features(x, sigma, rows)
        weight, bias = self.model.vocabulary_layer()
        offset = self.model.log_score_offset(sigma)
        shared = offset.numel() == 1
        compute = compute_dtype(features, weight)
        wide = accumulation_dtype(compute)
        if self._weight is None:
            self._weight = weight.to(compute)
        weight, bias = self._weight, bias.to(wide) - (offset.to(wide) if shared else 0)
        denoiser = self.model if isinstance(self.model, Denoiser) else None
        is_score = shared and denoiser is None  # as soon as the exponential of the product is taken
        fill = exp_product_into if is_score else product_into
        for part in groups:
            h = features[part].to(compute)
            table = self._table(h.shape[0], wide, x.device)
            with torch.autocast(x.device.type, enabled=False):
                for piece in _columns(table):
                    fill(table[:, piece], h, weight[piece].t(), bias[piece])
            if not shared:
                table -= offset[rows[part] // x.shape[1], None].to(wide)
            if denoiser is not None:
                level = sigma.expand(x.shape[0])[rows[part] // x.shape[1]]
                yield part, denoiser.scores_(table, x.view(-1)[rows[part]], level)
                continue
            if not is_score:
                table.exp_()
            yield part, table.scatter_(1, x.view(-1)[rows[part], None], 1.0)

    def _group_size(self, device: torch.device) -> int:
        """Rows of a table."""
        elements = TABLE_ELEMENTS.get(device.type, TABLE_ELEMENTS["cuda"])
        has_more_tables = isinstance(self.model, Denoiser) or self.precision == "float32"
        if has_more_tables or self.top_p is not None:
            elements //= 4
        return max(1, elements // self.graph.num_states)

    def _table(self, num_rows: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        size = num_rows * self.graph.num_states
        if self._buffer.numel() < size or self._buffer.dtype != dtype:
            self._buffer = torch.empty(size, dtype=dtype, device=device)
        return self._buffer[:size].view(num_rows, self.graph.num_states)


def _columns(table: Tensor) -> Iterator[slice]:
    """Parts of a table (r, V) to be filled one after the other: on a CPU, as many columns as the cache holds, which takes two
    thirds of the time of one product; elsewhere all.
    """
    if table.device.type != "cpu":
        return iter([slice(0, table.shape[1])])
    return pieces(table.shape[0], table.shape[1], table.device)
