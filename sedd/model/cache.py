"""Keys and values of the tokens that a causal network has seen, so that the next one alone runs through it.

B batch, n new positions, L positions that there is room for, h heads, D head width.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KeyValueCache:
    """Of one block: what `extend` was given so far. Filled from position 0 on."""

    def __init__(self, batch: int, length: int):
        self.batch, self.length = batch, length
        self.filled = 0
        self._store: Tensor | None = None

    def room(self, batch: int, count: int) -> slice:
        """Where the next `count` tokens go. Raises ValueError if there is no room."""
        end = self.filled + count
        if batch != self.batch or end > self.length:
            raise ValueError(
                f"a cache of {self.batch} x {self.length} tokens cannot take {batch} x {count} "
                f"after {self.filled}"
            )
        return slice(self.filled, end)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v (B, n, h, D), for which there is room; returns all there are, (B, filled, h, D) each."""
        new = self.room(k.shape[0], k.shape[1])
        if self._store is None:
            shape = 2, self.batch, self.length, *k.shape[2:]
            self._store = torch.empty(shape, dtype=k.dtype, device=k.device)
        self._store[0, :, new] = k
        self._store[1, :, new] = v
        self.filled = new.stop
        return self._store[0, :, : new.stop], self._store[1, :, : new.stop]
