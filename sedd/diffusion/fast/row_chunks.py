"""Functions of the logits of single positions, in chunks of rows, without a table of all logits.

For functions that need all logits of a row at once, such as a softmax. (`vocabulary_sum` chunks the
vocabulary instead.) The gradient recomputes the logits of each chunk.

n rows: positions with a loss. H features, V states.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

TABLE_ELEMENTS = 2**25  # of the table (rows of a chunk, V): 128 MiB in float32

# (logits (r, V), columns (r,) ...) -> (r,)
RowFunction = Callable[..., Tensor]


def over_rows(
    function: RowFunction, features: Tensor, weight: Tensor, bias: Tensor | None, *columns: Tensor
) -> Tensor:
    """function(features @ weight.T + bias, *columns) of every row: (n,).

    features: (n, H). weight: (V, H). bias: (V,) or None. columns: (n,) each.
    Logits are float32 or wider.
    """

    def of_chunk(h: Tensor, w: Tensor, b: Tensor | None, *inner: Tensor) -> Tensor:
        logits = F.linear(h, w, b)
        return function(logits.to(torch.promote_types(logits.dtype, torch.float32)), *inner)

    size = max(1, TABLE_ELEMENTS // weight.shape[0])
    if features.shape[0] <= size:
        return of_chunk(features, weight, bias, *columns)
    values = []
    for start in range(0, features.shape[0], size):
        h, *inner = (tensor[start : start + size] for tensor in (features, *columns))
        if torch.is_grad_enabled():
            chunk = checkpoint(
                of_chunk, h, weight, bias, *inner, use_reentrant=False, preserve_rng_state=False
            )
            assert isinstance(chunk, Tensor)
            values.append(chunk)
        else:
            values.append(of_chunk(h, weight, bias, *inner))
    return torch.cat(values)


def row_cross_entropy(
    features: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor
) -> Tensor:
    """-log softmax(logits)[target] of every row: (n,) nats.

    target: (n,). Other arguments as in `over_rows`.
    """

    def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, reduction="none")

    return over_rows(cross_entropy, features, weight, bias, target)
