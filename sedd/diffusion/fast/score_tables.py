"""Tables of scores at chosen positions, in chunks of rows: one pass over the vocabulary.

A table (r, V) stays small, and its buffer is reused from chunk to chunk and from call to call.

B batch, L sequence length, V states, H features. n rows: flat positions of (B, L). r rows: a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sedd.diffusion.denoiser import Denoiser
from sedd.diffusion.fast.precision import (
    accumulation_dtype,
    compute_dtype,
    exp_product_into,
    product_into,
)
from sedd.diffusion.fast.vocabulary_sum import vocabulary_chunks
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import ScoreFunction, SplitNetwork

# Elements of the table (r, V), by kind of device. CPU: enough rows that reading the weight costs
# little (128 MiB in float32). GPU: few launches for a step of 16 texts of 1024 tokens (6 tables of
# 512 MiB at V = 50257). A step that makes several tables of this size takes a quarter of the rows:
# with a denoiser, or as the caller says (`several`).
TABLE_ELEMENTS = {"cpu": 2**25, "cuda": 2**27}


@dataclass(frozen=True)
class NetworkOutput:
    """What one network call says about n rows.

    values: (n, H) features, or (n, V) log scores of a network that is not split.
    x: (n,) states of the rows. sigma: (1,) or (n,). offset: (1,) or (n,), of a split network.
    """

    values: Tensor
    x: Tensor
    sigma: Tensor
    offset: Tensor | None

    def __getitem__(self, rows: Tensor | slice) -> NetworkOutput:
        """The output for some of the rows."""

        def of(value: Tensor) -> Tensor:
            return value if value.numel() == 1 else value[rows]

        offset = None if self.offset is None else of(self.offset)
        return NetworkOutput(self.values[rows], self.x[rows], of(self.sigma), offset)


@dataclass
class ScoreTables:
    """Calls a network, and turns its outputs into scores. The network must not change meanwhile.

    several: whether the caller makes several tables of the size of a chunk.
    """

    model: ScoreFunction
    graph: Graph
    several: bool = False
    _buffer: Tensor = field(default_factory=lambda: torch.empty(0), repr=False)
    # weight of the vocabulary layer, in the dtype of the product
    _weight: Tensor | None = field(default=None, repr=False)

    def call(self, x: Tensor, rows: Tensor, sigma: Tensor) -> NetworkOutput:
        """Run the network on x (B, L) for the flat positions `rows` (n,). sigma: (1,) or (B,)."""

        def of_rows(value: Tensor) -> Tensor:
            return value if value.numel() == 1 else value[rows // x.shape[1]]

        state = x.view(-1)[rows]
        if not isinstance(self.model, SplitNetwork):
            log_score = self.model(x, sigma.expand(x.shape[0])).flatten(0, 1)
            return NetworkOutput(log_score[rows], state, of_rows(sigma), None)
        features = self.model.features(x, sigma, rows)
        offset = of_rows(self.model.log_score_offset(sigma))
        return NetworkOutput(features, state, of_rows(sigma), offset)

    def table(self, output: NetworkOutput, excess: bool = False) -> Tensor:
        """exp(log_score) of a chunk of rows, at most `chunk_size`: (r, V), 1 at the current state.

        excess: exp(log_score) - 1 instead, without losing the digits of a small log_score.
        The next call overwrites the table, and the caller may too.
        """
        if output.offset is None:
            return output.values.expm1() if excess else output.values.exp()
        assert isinstance(self.model, SplitNetwork)
        weight, bias = self.model.vocabulary_layer()
        compute = compute_dtype(output.values, weight)
        wide = accumulation_dtype(compute)
        if self._weight is None:
            self._weight = weight.to(compute)
        weight, h, offset = self._weight, output.values.to(compute), output.offset.to(wide)
        one_offset = offset.numel() == 1
        bias = bias.to(wide) - (offset if one_offset else 0)
        denoiser = self.model if isinstance(self.model, Denoiser) else None
        exp_is_score = one_offset and denoiser is None and not excess
        fill = exp_product_into if exp_is_score else product_into
        table = self._empty_table(h.shape[0], wide, h.device)
        with torch.autocast(h.device.type, enabled=False):
            for columns in _columns(table):
                fill(table[:, columns], h, weight[columns].t(), bias[columns])
        if not one_offset:
            table -= offset[:, None]
        if denoiser is not None:
            sigma = output.sigma.expand(h.shape[0])
            scores = denoiser.excess if excess else denoiser.scores
            return scores(table, output.x, sigma)
        if excess:
            table.expm1_()
        elif not exp_is_score:
            table.exp_()
        return table.scatter_(1, output.x[:, None], 0.0 if excess else 1.0)

    def chunk_size(self, device: torch.device) -> int:
        """Rows in a table."""
        elements = TABLE_ELEMENTS.get(device.type, TABLE_ELEMENTS["cuda"])
        if self.several or isinstance(self.model, Denoiser):
            elements //= 4
        return max(1, elements // self.graph.num_states)

    def _empty_table(self, num_rows: int, dtype: torch.dtype, device: torch.device) -> Tensor:
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
