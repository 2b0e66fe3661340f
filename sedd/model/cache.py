"""Keys and values of the tokens that a causal network has read, so that each token is read once.

B batch, n new positions, L capacity in positions, h heads, D head width.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KeyValueCache:
    """Keys and values of one block, filled from position 0 on."""

    def __init__(self, batch: int, length: int):
        self.batch, self.length = batch, length
        self.filled = 0
        self._store: Tensor | None = None

    def next_positions(self, batch: int, count: int) -> slice:
        """Positions of the next `count` tokens. Raises ValueError if they exceed the capacity."""
        end = self.filled + count
        if batch != self.batch or end > self.length:
            raise ValueError(
                f"the cache holds {self.filled} of {self.length} positions for {self.batch} sequences; "
                f"got {count} more positions for {batch} sequences"
            )
        return slice(self.filled, end)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v (B, n, h, D). Returns all keys and values so far, (B, filled, h, D) each."""
        new = self.next_positions(k.shape[0], k.shape[1])
        if self._store is None:
            shape = 2, self.batch, self.length, *k.shape[2:]
            self._store = torch.empty(shape, dtype=k.dtype, device=k.device)
        self._store[0, :, new] = k
        self._store[1, :, new] = v
        self.filled = new.stop
        return self._store[0, :, : new.stop], self._store[1, :, : new.stop]
