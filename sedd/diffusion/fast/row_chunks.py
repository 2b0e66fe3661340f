"""Functions of the logits of single positions, in groups of positions, so that no table of all of them exists.

n rows: the positions that have a loss. H features, V states. A function that needs the whole law of a position, such as a
softmax, cannot go through the vocabulary in pieces, as `vocabulary_sum` does; it goes through the rows instead, and the
logits of a group are computed anew for its gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

TABLE_ELEMENTS = 2**25  # of the table (rows of a group, V): 128 MiB in float32

# (logits (r, V), columns (r,) ...) -> (r,)
RowFunction = Callable[..., Tensor]


def over_rows(
    function: RowFunction, features: Tensor, weight: Tensor, bias: Tensor, *columns: Tensor
) -> Tensor:
    """function(features @ weight.T + bias, *columns) of every row, (n,).

    features: (n, H). weight: (V, H). bias: (V,). columns: (n,) each. Logits are float32 at least.
    """

    def group(h: Tensor, w: Tensor, b: Tensor, *inner: Tensor) -> Tensor:
        logits = F.linear(h, w, b)
        return function(logits.to(torch.promote_types(logits.dtype, torch.float32)), *inner)

    size = max(1, TABLE_ELEMENTS // weight.shape[0])
    if features.shape[0] <= size:
        return group(features, weight, bias, *columns)
    values = []
    for start in range(0, features.shape[0], size):
        h, *inner = (tensor[start : start + size] for tensor in (features, *columns))
        if torch.is_grad_enabled():
            part = checkpoint(
                group, h, weight, bias, *inner, use_reentrant=False, preserve_rng_state=False
            )
            assert isinstance(part, Tensor)
            values.append(part)
        else:
            values.append(group(h, weight, bias, *inner))
    return torch.cat(values)


def row_cross_entropy(features: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target] of every row, (n,) nats. target: (n,); the rest as `over_rows`."""
    return over_rows(
        lambda logits, wanted: F.cross_entropy(logits, wanted, reduction="none"),
        features,
        weight,
        bias,
        target,
    )


def sum_by_sequence(values: Tensor, rows: Tensor | None, batch: int, length: int) -> Tensor:
    """Values (n,) of flat positions `rows` (n,), all B * L if None, summed over each sequence: (B,)."""
    if rows is None:
        return values.view(batch, length).sum(1)
    return values.new_zeros(batch).index_add(0, rows // length, values)
