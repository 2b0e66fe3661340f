"""Blocks of tokens, and the endless shuffled order in which training reads them.

L block length in tokens, N number of blocks in the split.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from sedd.config.sections.data import Blocks
from sedd.data.padded import PaddedBlocks
from sedd.data.pages import expect_random_reads, start_reading
from sedd.data.permutation import permuted
from sedd.data.split_folder import split_folder
from sedd.data.token_folder import open_tokens
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.runtime.seeds import derive_seed

TABLE_BLOCKS = 1 << 20
"""Blocks up to which the order of an epoch is a table, of 8 MiB at most. More blocks are permuted
position by position, in constant memory, and in another order.
"""


class TokenBlocks:
    """A split as consecutive blocks of `length` tokens.

    packed: block i holds tokens i L .. (i + 1) L - 1.
    wrapped: the vocabulary's start token, tokens i (L - 2) .. (i + 1) (L - 2) - 1, and the separator
        (Sahoo et al. 2024, MDLM). differs from the official code: it cuts each thousand documents
        by themselves, and drops the rest of each; here only the end of the split is dropped. With
        BERT's vocabulary, it closes blocks and documents with [CLS], the first token of the encoded
        [SEP]; here they are closed with [SEP].

    Blocks ignore document boundaries. An incomplete last block is dropped. The file is
    memory-mapped: the blocks of a batch are read from disk when they are indexed, and no others.
    Raises DataError if the split is shorter than one block.
    """

    def __init__(self, folder: Path, length: int, blocks: Blocks = "packed"):
        self._tokens, self.meta = open_tokens(folder)
        expect_random_reads(self._tokens)
        self.folder = folder
        self.length = length
        separator = self.meta["separator_id"]
        self._ends = (self.meta.get("start_id", separator), separator)
        self.is_wrapped = blocks == "wrapped"
        self.text_length = length - 2 if self.is_wrapped else length
        """tokens of a block that are those of the text"""
        num_blocks = len(self._tokens) // self.text_length
        if num_blocks == 0:
            raise DataError(
                f"{folder}: {len(self._tokens)} tokens are too few for one block of {length}; "
                "reduce data.length or use more text"
            )
        shape = num_blocks, self.text_length
        self._blocks = self._tokens[: num_blocks * self.text_length].reshape(shape)

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, indices: torch.Tensor | ArrayLike) -> torch.Tensor:
        """Blocks (n, L), int64, at `indices` (n,), integers in 0 .. N - 1 with repeats allowed."""
        if isinstance(indices, torch.Tensor):
            indices = indices.numpy()
        indices = np.atleast_1d(indices)
        starts = indices * self.text_length
        start_reading(self._tokens, starts, starts + self.text_length)
        block = self._blocks[indices].astype(np.int64)
        if self.is_wrapped:
            start, end = (np.full((len(block), 1), token) for token in self._ends)
            block = np.concatenate([start, block, end], axis=1)
        return torch.from_numpy(block)


AnyBlocks = TokenBlocks | PaddedBlocks


def open_blocks(
    dataset: str,
    tokenizer: str,
    split: str,
    length: int,
    blocks: Blocks = "packed",
    *,
    with_text: bool = True,
) -> AnyBlocks:
    """A tokenized split in blocks of `length` tokens.

    with_text: see `split_folder`. Raises DataError as the classes of blocks and `split_folder` do,
    and for padded blocks with a separator that documents hold too.
    """
    folder = split_folder(dataset, tokenizer, split, with_text=with_text)
    if blocks != "padded":
        return TokenBlocks(folder, length, blocks)
    if load_tokenizer(tokenizer).separator_text:
        raise DataError(
            f"tokenizer {tokenizer!r}: its separator is a character of the text, so it cannot pad a "
            "sequence; with data.blocks padded, use a tokenizer whose separator is a token of its own"
        )
    return PaddedBlocks(folder, length)


def shuffled_indices(num_blocks: int, seed: int, first: int, count: int) -> np.ndarray:
    """Block indices (count,), int64, from position `first` on in an endless stream of epochs.

    Position n belongs to epoch n // num_blocks, whose order is a permutation seeded by (seed,
    epoch). One integer therefore describes the state of the data: a run resumes from it exactly,
    and several ranks read disjoint slices of the same stream. Memory does not grow with the split:
    see `TABLE_BLOCKS`.
    """
    slices = []
    position, end = first, first + count
    while position < end:
        epoch, offset = divmod(position, num_blocks)
        taken = min(num_blocks - offset, end - position)
        slices.append(_epoch_slice(num_blocks, seed, epoch, offset, offset + taken))
        position += taken
    return np.concatenate(slices) if slices else np.empty(0, dtype=np.int64)


def _epoch_slice(num_blocks: int, seed: int, epoch: int, start: int, stop: int) -> np.ndarray:
    if num_blocks <= TABLE_BLOCKS:
        return _epoch_table(num_blocks, seed, epoch)[start:stop]
    return permuted(np.arange(start, stop), num_blocks, _epoch_seed(seed, epoch))


@functools.lru_cache(maxsize=2)  # a batch can span two epochs
def _epoch_table(num_blocks: int, seed: int, epoch: int) -> np.ndarray:
    generator = np.random.Generator(np.random.PCG64(_epoch_seed(seed, epoch)))
    return generator.permutation(num_blocks)


def _epoch_seed(seed: int, epoch: int) -> int:
    return derive_seed(seed, "epoch", epoch)
