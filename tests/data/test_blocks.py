"""Blocks of tokens and the order of reading them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.text_examples import TEXTS, json_lines
from tokenizers import Tokenizer, models, pre_tokenizers

from sedd.data.dataset import TABLE_BLOCKS, TokenBlocks, shuffled_indices
from sedd.data.token_folder import open_tokens
from sedd.data.tokenize import tokenize_split
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.runtime.distributed import World
from sedd.runtime.seeds import derive_seed

WHOLE = {"type": "hash", "validation": 0.0, "test": 0.0}


@pytest.fixture
def word_tokenizer(tmp_path: Path) -> str:
    """A folder with a vocabulary of words that has a start token."""
    names = ["[CLS]", "[SEP]", "[UNK]", "the", "cat", "sat", "dog", "a", "on", "mat"]
    words = Tokenizer(models.WordLevel({name: id for id, name in enumerate(names)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.add_special_tokens(names[:3])
    (tmp_path / "words").mkdir()
    words.save(str(tmp_path / "words/tokenizer.json"))
    return str(tmp_path / "words")


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


@pytest.fixture(params=[10, 0], ids=["table", "no_table"])
def order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of ordering an epoch of 10 blocks."""
    monkeypatch.setattr("sedd.data.dataset.TABLE_BLOCKS", request.param)


@pytest.mark.usefixtures("order")
def test_every_epoch_visits_each_block_once_in_a_new_order():
    stream = shuffled_indices(10, seed=4, first=0, count=40).reshape(4, 10)
    assert np.array_equal(np.sort(stream, axis=1), np.tile(np.arange(10), (4, 1)))
    assert len({tuple(epoch) for epoch in stream}) == 4


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize("pieces", [[40], [1] * 40, [7, 3, 10, 13, 7], [25, 0, 15]])
def test_the_position_alone_determines_the_blocks(pieces: list[int]):
    whole = shuffled_indices(10, seed=4, first=6, count=40)
    starts = 6 + np.cumsum([0, *pieces[:-1]])
    found = [
        shuffled_indices(10, 4, int(first), count)
        for first, count in zip(starts, pieces, strict=True)
    ]
    assert np.array_equal(np.concatenate(found), whole)


@pytest.mark.usefixtures("order")
def test_the_seed_changes_the_order():
    assert not np.array_equal(shuffled_indices(10, 1, 0, 10), shuffled_indices(10, 2, 0, 10))


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_ranks_share_out_each_block_of_an_epoch(size: int):
    ranks = [World(torch.device("cpu"), rank, size) for rank in range(size)]
    batches = [shuffled_indices(10, 4, first, 5) for first in (0, 5)]
    read = [batch[rank.local_rows(5)] for batch in batches for rank in ranks]
    assert sorted(np.concatenate(read)) == list(range(10))


def test_the_order_of_a_small_split_is_that_of_published_results():
    """The order that trained them: numpy's permutation, with PCG64 and this derived seed."""
    assert shuffled_indices(10, 4, 0, 10).tolist() == [7, 9, 6, 5, 0, 1, 3, 2, 4, 8]
    largest = shuffled_indices(TABLE_BLOCKS, 4, 3 * TABLE_BLOCKS, 5)
    generator = np.random.Generator(np.random.PCG64(derive_seed(4, "epoch", 3)))
    assert np.array_equal(largest, generator.permutation(TABLE_BLOCKS)[:5])


def test_the_order_of_an_epoch_takes_the_same_memory_for_any_number_of_blocks():
    tracemalloc.start()
    peaks = []
    for num_blocks in (TABLE_BLOCKS + 1, 10**7, 10**15):
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        shuffled_indices(num_blocks, 1, num_blocks - 256, 512)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    assert max(peaks) < 100_000, "bytes"


def test_wrapped_blocks_are_those_of_mdlm(tmp_path: Path, word_tokenizer: str):
    """Worked out by hand: [CLS], four tokens of the stream, [SEP]. Two tokens are left over."""
    dataset = json_lines(tmp_path, ["the cat sat", "the dog", "a cat sat on a mat"], splits=WHOLE)
    tokenize_split(dataset, word_tokenizer, "train", tmp_path / "out")
    blocks = TokenBlocks(tmp_path / "out", 6, "wrapped")
    words = load_tokenizer(word_tokenizer)
    assert [words.decode(block.tolist()) for block in blocks[np.arange(len(blocks))]] == [
        "[CLS] the cat sat [SEP] [SEP]",
        "[CLS] the dog [SEP] a [SEP]",
        "[CLS] cat sat on a [SEP]",
    ]
    assert blocks.text_length == 4


def test_without_a_start_token_a_wrapped_block_begins_with_the_separator(folder: Path):
    tokens = torch.from_numpy(np.array(open_tokens(folder)[0], dtype=np.int64))
    blocks = TokenBlocks(folder, 7, "wrapped")
    assert len(blocks) == len(tokens) // 5
    assert blocks[[3]].tolist() == [[0, *tokens[15:20].tolist(), 0]]
