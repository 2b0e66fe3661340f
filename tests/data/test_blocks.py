"""Blocks of tokens and the order of reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.text_examples import TEXTS, json_lines

from sedd.data.dataset import TokenBlocks, shuffled_indices, unigram_counts
from sedd.data.token_folder import open_tokens
from sedd.data.tokenize import tokenize_split
from sedd.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    tokenize_split(json_lines(folder, TEXTS), "text8", "train", folder / "out")
    return folder / "out"


def test_blocks_are_the_tokens_in_order_without_the_remainder(folder: Path):
    tokens = torch.from_numpy(np.array(open_tokens(folder)[0], dtype=np.int64))
    length = 100
    assert len(tokens) % length != 0
    blocks = TokenBlocks(folder, length)
    assert len(blocks) == len(tokens) // length
    whole = blocks[torch.arange(len(blocks))]
    assert whole.dtype == torch.int64
    assert torch.equal(whole.flatten(), tokens[: len(blocks) * length])
    assert blocks.meta["num_tokens"] == len(tokens)


def test_blocks_are_indexed_by_any_integers(folder: Path):
    blocks = TokenBlocks(folder, 7)
    whole = blocks[np.arange(len(blocks))]
    indices = np.array([5, 0, 5])
    assert torch.equal(blocks[indices], whole[[5, 0, 5]])
    assert torch.equal(blocks[torch.from_numpy(indices)], whole[[5, 0, 5]])
    with pytest.raises(IndexError):
        blocks[np.array([len(blocks)])]


def test_changing_a_batch_does_not_change_the_data(folder: Path):
    blocks = TokenBlocks(folder, 7)
    before = blocks[np.array([0])].clone()
    blocks[np.array([0])].fill_(3)
    assert torch.equal(blocks[np.array([0])], before)


def test_a_split_shorter_than_a_block_is_an_error_that_gives_its_length(folder: Path):
    count = len(open_tokens(folder)[0])
    assert len(TokenBlocks(folder, count)) == 1
    with pytest.raises(
        DataError, match=rf"{count} tokens are too few for one block of {count + 1}"
    ):
        TokenBlocks(folder, count + 1)


def test_every_epoch_visits_each_block_once_in_a_new_order():
    stream = shuffled_indices(10, seed=4, first=0, count=40).reshape(4, 10)
    assert np.array_equal(np.sort(stream, axis=1), np.tile(np.arange(10), (4, 1)))
    assert len({tuple(epoch) for epoch in stream}) == 4


@pytest.mark.parametrize("pieces", [[40], [1] * 40, [7, 3, 10, 13, 7], [25, 0, 15]])
def test_the_position_alone_determines_the_blocks(pieces: list[int]):
    whole = shuffled_indices(10, seed=4, first=6, count=40)
    starts = 6 + np.cumsum([0, *pieces[:-1]])
    found = [
        shuffled_indices(10, 4, int(first), count)
        for first, count in zip(starts, pieces, strict=True)
    ]
    assert np.array_equal(np.concatenate(found), whole)


def test_the_seed_changes_the_order():
    assert not np.array_equal(shuffled_indices(50, 1, 0, 50), shuffled_indices(50, 2, 0, 50))


def test_unigram_counts_match_the_text(folder: Path, monkeypatch: pytest.MonkeyPatch):
    counts = unigram_counts(folder)
    tokens = list(open_tokens(folder)[0])
    assert counts.tolist() == [tokens.count(symbol) for symbol in range(27)]
    monkeypatch.setattr("sedd.data.dataset.CHUNK_TOKENS", 13)
    assert np.array_equal(unigram_counts(folder), counts)
