"""Rows: single positions of a batch, by their flat index in (B, L).

B batch, L sequence length, n rows.
"""

from __future__ import annotations

from torch import Tensor

from sedd.diffusion.graph import Graph


def loss_positions(graph: Graph, x: Tensor, padding: Tensor | None = None) -> Tensor | None:
    """Flat positions (n,) of x (B, L) that can have a loss: the masked ones; None: all.

    padding: (B, L), true for positions that are never corrupted and have no loss.
    """
    if graph.mask is not None:
        return (x.flatten() == graph.mask).nonzero()[:, 0]
    return None if padding is None else (~padding.flatten()).nonzero()[:, 0]


def sum_by_sequence(values: Tensor, rows: Tensor | None, batch: int, length: int) -> Tensor:
    """Sum over each sequence of values (n,) at flat positions `rows` (n,), or at all: (B,)."""
    if rows is None:
        return values.view(batch, length).sum(1)
    return values.new_zeros(batch).index_add(0, rows // length, values)
