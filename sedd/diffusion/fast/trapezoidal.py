"""The theta-trapezoidal step with one pass over the vocabulary per network call.

Faster form of `sedd.diffusion.trapezoidal_step`. The second stage has the rates (a1 r* - a2 r)^+.
They are drawn by thinning: candidates come with the rates a1 r*, from the table of the second call,
and a candidate y is kept with probability 1 - a2 r_y / (a1 r*_y). So r is needed at candidates only,
which are few: their rows go through the vocabulary layer of the first call again.

B batch, L sequence length, V states, H features. n rows: flat positions of (B, L). r rows: a chunk.
m candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import RowCdf
from sedd.diffusion.fast.jump import leap_
from sedd.diffusion.fast.reverse import ReverseStep
from sedd.diffusion.fast.score_tables import NetworkOutput
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.randomness import of_texts, poisson, rand, row_chunks
from sedd.diffusion.sharpening import UNCHANGED
from sedd.diffusion.trapezoidal_step import Stages


@dataclass
class TrapezoidalStep(ReverseStep):
    """Leaps in place, beside the moves of a `ReverseStep`. precision: "float64"."""

    def leap_(
        self,
        x: Tensor,
        rows: Tensor,
        sigma: Tensor,
        level: Tensor,
        stages: Stages,
        calls: Tensor | None = None,
    ) -> None:
        """As `PlainTrapezoidalStep.leap_`."""
        flat, before = x.view(-1), x.view(-1)[rows]
        count_calls_(calls, self.model, x, rows)
        shared = self.can_share_one_row(x, rows, sigma)
        asked = (x[:1, :1], rows.new_zeros(1)) if shared else (x, rows)
        output = self.tables.call(*asked, sigma)
        self._first_stage_(x, rows, output, stages.first)
        stayed = flat[rows] == before
        if self.graph.mask is not None:
            still = stayed.nonzero()[:, 0]
            rows, stayed = rows[still], stayed[still]
            output = output if shared else output[still]
        if not rows.numel():
            return
        count_calls_(calls, self.model, x, rows)
        later = self.tables.call(x, rows, level)
        for part, generator in self._chunks(x, rows):
            table = self.tables.table(later[part])
            first = output if shared else output[part]
            self._correct_(flat, rows[part], table, first, stayed[part], stages, generator)

    def _first_stage_(
        self, x: Tensor, rows: Tensor, output: NetworkOutput, duration: float
    ) -> None:
        """First stage for `rows` (n,). output: of the first call, as in `_correct_`."""
        shared = output.x.numel() == 1
        for part, generator in self._chunks(x, rows):
            some = output if shared else output[part]
            table = self.tables.table(some)
            exits = self.parts.exit_weights_(table, some.x, "euler", duration)
            leap_(x.view(-1), rows[part], table, exits, generator, self.sharpening)

    def _chunks(self, x: Tensor, rows: Tensor) -> Iterator[tuple[slice, torch.Generator | None]]:
        """Chunks of `rows` (n,), each with the generator of its draws."""
        texts = rows // x.shape[1]
        for part in row_chunks(self.generator, texts, self.tables.chunk_size(x.device)):
            yield part, of_texts(self.generator, texts[part])

    def _correct_(
        self,
        flat: Tensor,
        rows: Tensor,
        table: Tensor,
        first: NetworkOutput,
        stayed: Tensor,
        stages: Stages,
        generator: torch.Generator | None,
    ) -> None:
        """Second stage for `rows` (r,).

        table: (r, V) scores of the second call. first: output of the first call, for each row, or
        for a single row if all rows have the same output. stayed: (r,) whether a row did not jump
        in the first stage.
        """
        exits = self.parts.exit_weights_(table, flat[rows], "euler", stages.later)
        cdf = RowCdf(table)
        count = poisson(exits.scale * cdf.totals, generator)
        active = count.nonzero()[:, 0]  # rows with candidates
        if not active.numel():
            return
        source = torch.arange(active.numel(), device=flat.device).repeat_interleave(count[active])
        row = active[source]  # (m,), in order
        where, whether = rand((2, row.numel()), of_texts(generator, row), flat.device, dim=1)
        if self.sharpening == UNCHANGED:
            state = cdf.draw(where, row)
        else:
            state = RowCdf(self.sharpening(table[active])).draw(where, source)
        rate = exits.scale * table[row, state].double()
        old = self._old_rates(first, active, stages.earlier, source, state)
        kept = (whether * rate > torch.where(stayed[row], old, 0.0)).nonzero()[:, 0]
        row, state = row[kept], state[kept]
        is_first = torch.ones_like(row, dtype=torch.bool)  # of the kept candidates of its row
        is_first[1:] = row[1:] != row[:-1]
        flat[rows[row[is_first]]] = state[is_first]

    def _old_rates(
        self, first: NetworkOutput, active: Tensor, duration: float, source: Tensor, state: Tensor
    ) -> Tensor:
        """Rates by the first call, times `duration`, from row active[source] to `state`: (m,)."""
        shared = first.x.numel() == 1
        some = first if shared else first[active]
        table = self.tables.table(some)
        exits = self.parts.exit_weights_(table, some.x, "euler", duration)
        return exits.scale * table[torch.zeros_like(source) if shared else source, state].double()
