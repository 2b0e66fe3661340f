"""Sequences of one document each, filled with the separator to a fixed length.

L length of a sequence in tokens, N number of sequences.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from sedd.data.token_folder import open_tokens
from sedd.errors import DataError

CHUNK_TOKENS = 1 << 24


class PaddedBlocks:
    """A split as sequences of `length` tokens: the tokens of one document, then separators.

    A document of more than L tokens becomes several sequences, the last of them padded. No document
    has the separator in it, so the padding of a sequence is where its token is the separator.
    Raises DataError if no document has a token.
    """

    def __init__(self, folder: Path, length: int):
        self._tokens, self.meta = open_tokens(folder)
        self.folder = folder
        self.length = length
        self.pad: int = self.meta["separator_id"]
        ends = np.concatenate(
            [
                start + np.flatnonzero(self._tokens[start : start + CHUNK_TOKENS] == self.pad)
                for start in range(0, len(self._tokens), CHUNK_TOKENS)
            ]
        )
        starts = np.concatenate([[0], ends[:-1] + 1])
        parts = -(-(ends - starts) // length)  # sequences of each document
        first = np.cumsum(parts) - parts
        self._starts = np.repeat(starts, parts)
        self._starts += (np.arange(len(self._starts)) - np.repeat(first, parts)) * length
        self._ends = np.minimum(self._starts + length, np.repeat(ends, parts))
        if not len(self):
            raise DataError(f"{folder}: no document has a token; use another text")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, indices: torch.Tensor | ArrayLike) -> torch.Tensor:
        """Sequences (n, L), int64, at `indices` (n,), integers in 0 .. N - 1 with repeats allowed."""
        if isinstance(indices, torch.Tensor):
            indices = indices.numpy()
        indices = np.atleast_1d(indices)
        block = np.full((len(indices), self.length), self.pad, dtype=np.int64)
        for row, index in enumerate(indices):
            own = self._tokens[self._starts[index] : self._ends[index]]
            block[row, : len(own)] = own
        return torch.from_numpy(block)
