"""Blocks of tokens, and the endless shuffled order in which training reads them.

L block length in tokens, N number of blocks in the split, V vocabulary size.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from sedd.data.token_folder import open_tokens
from sedd.errors import DataError
from sedd.runtime.seeds import derive_seed

CHUNK_TOKENS = 1 << 24  # bincount converts its input to int64: 128 MiB per chunk


class TokenBlocks:
    """A split as consecutive blocks of `length` tokens: block i holds tokens i L .. (i + 1) L - 1.

    Blocks ignore document boundaries. An incomplete last block is dropped. The file is
    memory-mapped, so a block is read from disk when it is indexed. Raises DataError if the split is
    shorter than one block.
    """

    def __init__(self, folder: Path, length: int):
        self._tokens, self.meta = open_tokens(folder)
        self.folder = folder
        self.length = length
        num_blocks = len(self._tokens) // length
        if num_blocks == 0:
            raise DataError(
                f"{folder}: {len(self._tokens)} tokens are too few for one block of {length}; "
                "reduce data.length or use more text"
            )
        self._blocks = self._tokens[: num_blocks * length].reshape(num_blocks, length)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, indices: torch.Tensor | ArrayLike) -> torch.Tensor:
        """Blocks (n, L), int64, at `indices` (n,), integers in 0 .. N - 1 with repeats allowed."""
        if isinstance(indices, torch.Tensor):
            indices = indices.numpy()
        return torch.from_numpy(self._blocks[np.atleast_1d(indices)].astype(np.int64))


def shuffled_indices(num_blocks: int, seed: int, first: int, count: int) -> np.ndarray:
    """Block indices (count,), int64, at positions `first` ..

    `first` + `count` - 1 of an endless stream of epochs.

    Position n belongs to epoch n // num_blocks, whose order is a permutation seeded by (seed,
    epoch). One integer therefore describes the state of the data: a run resumes from it exactly,
    and several ranks read disjoint slices of the same stream.
    """
    slices = []
    position, end = first, first + count
    while position < end:
        epoch, offset = divmod(position, num_blocks)
        taken = min(num_blocks - offset, end - position)
        slices.append(_epoch_order(num_blocks, seed, epoch)[offset : offset + taken])
        position += taken
    return np.concatenate(slices) if slices else np.empty(0, dtype=np.int64)


def unigram_counts(folder: Path) -> np.ndarray:
    """Number of occurrences of each token in a split, separators included. Returns (V,) int64."""
    tokens, meta = open_tokens(folder)
    counts = np.zeros(meta["vocab_size"], dtype=np.int64)

    for start in range(0, len(tokens), CHUNK_TOKENS):
        counts += np.bincount(tokens[start : start + CHUNK_TOKENS], minlength=meta["vocab_size"])
    return counts


@functools.lru_cache(maxsize=2)  # a batch can span two epochs
def _epoch_order(num_blocks: int, seed: int, epoch: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "epoch", epoch)))
    return generator.permutation(num_blocks)
