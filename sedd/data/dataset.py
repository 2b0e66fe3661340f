"""Training data as blocks of tokens, and the endless shuffled order in which they are read.

L length of a block in tokens, N number of blocks in the split, V entries of the vocabulary.
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

STRETCH = 1 << 24  # tokens counted at a time: bincount widens them to int64


class TokenBlocks:
    """A split packed once into blocks of `length` tokens: block i holds tokens i L .. (i + 1) L - 1.

    Blocks run across documents. Only the remainder behind the last whole block is left out. The file is
    memory-mapped: a block is read from disk when it is asked for.
    """

    def __init__(self, folder: Path, length: int):
        self._tokens, self.meta = open_tokens(folder)
        self.folder = folder
        self.length = length
        num_blocks = len(self._tokens) // length
        if num_blocks == 0:
            raise DataError(
                f"{folder}: {len(self._tokens)} tokens are too few for one block of {length}; "
                "shorten data.length or take more text"
            )
        self._blocks = self._tokens[: num_blocks * length].reshape(num_blocks, length)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, indices: torch.Tensor | ArrayLike) -> torch.Tensor:
        """indices: (n,) integers in 0 .. N - 1, repeats allowed. Returns (n, L) int64."""
        if isinstance(indices, torch.Tensor):
            indices = indices.numpy()
        return torch.from_numpy(self._blocks[np.atleast_1d(indices)].astype(np.int64))


def shuffled_indices(num_blocks: int, seed: int, first: int, count: int) -> np.ndarray:
    """Blocks number `first` .. `first` + `count` - 1 of an endless stream of epochs. Returns (count,) int64.

    The n-th block of the stream belongs to epoch n // num_blocks, whose order is a permutation drawn from (seed,
    epoch). So a position in the data is one integer: a run resumes from it exactly, and any number of processes
    read the same stream by taking their own part of each stretch.
    """
    pieces = []
    position, end = first, first + count
    while position < end:
        epoch, offset = divmod(position, num_blocks)
        taken = min(num_blocks - offset, end - position)
        pieces.append(_epoch_order(num_blocks, seed, epoch)[offset : offset + taken])
        position += taken
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)


def unigram_counts(folder: Path) -> np.ndarray:
    """How often each entry of the vocabulary occurs in a split, separators included. Returns (V,) int64."""
    tokens, meta = open_tokens(folder)
    counts = np.zeros(meta["vocab_size"], dtype=np.int64)

    for start in range(0, len(tokens), STRETCH):
        counts += np.bincount(tokens[start : start + STRETCH], minlength=meta["vocab_size"])
    return counts


@functools.lru_cache(maxsize=2)  # a batch may straddle two epochs
def _epoch_order(num_blocks: int, seed: int, epoch: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(derive_seed(seed, "epoch", epoch)))
    return generator.permutation(num_blocks)
