"""Sequences of one document each, filled with the separator to a fixed length.

L length of a sequence in tokens, N number of sequences.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from sedd.data.document_ends import document_ends
from sedd.data.pages import expect_random_reads, start_reading
from sedd.data.token_folder import open_tokens
from sedd.errors import DataError


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
        self._ends = document_ends(folder, self._tokens, self.meta)
        lengths = np.diff(self._ends, prepend=-1) - 1
        self._sequences = np.cumsum(-(-lengths // length))
        """(num_documents,) sequences of each document and of those before it"""
        expect_random_reads(self._tokens)
        if not len(self):
            raise DataError(f"{folder}: no document has a token; use another text")

    def __len__(self) -> int:
        return int(self._sequences[-1]) if len(self._sequences) else 0

    def __getitem__(self, indices: torch.Tensor | ArrayLike) -> torch.Tensor:
        """Sequences (n, L), int64, at `indices` (n,), integers in 0 .. N - 1 with repeats allowed."""
        if isinstance(indices, torch.Tensor):
            indices = indices.numpy()
        indices = np.atleast_1d(indices)
        document = np.searchsorted(self._sequences, indices, side="right")
        is_first, before = document == 0, document - 1
        starts = np.where(is_first, 0, self._ends[before] + 1)
        starts += (indices - np.where(is_first, 0, self._sequences[before])) * self.length
        ends = np.minimum(starts + self.length, self._ends[document])
        start_reading(self._tokens, starts, ends)
        block = np.full((len(indices), self.length), self.pad, dtype=np.int64)
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            own = self._tokens[start:end]
            block[row, : len(own)] = own
        return torch.from_numpy(block)
