"""Tokenizing a split into a token folder."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.text_examples import TEXTS, json_lines, local

from sedd.config.dataset import DatasetConfig
from sedd.data import encoding, one_pass, split_writer, tokenize
from sedd.data.sources import divided, documents
from sedd.data.token_folder import open_tokens, read_meta, token_dtype
from sedd.data.tokenize import tokenize_split
from sedd.data.tokenizers import Text8, load_tokenizer
from sedd.errors import DataError
from sedd.registry import DETOKENIZERS


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def tokens_of(folder: Path) -> np.ndarray:
    return np.asarray(open_tokens(folder)[0])


def test_gpt2_tokens_are_the_documents_with_a_separator_after_each(tmp_path: Path):
    dataset = json_lines(tmp_path, [*TEXTS, "odd<|endoftext|>text", ""])
    meta = tokenize_split(dataset, "gpt2", "train", tmp_path / "out")
    texts, tokens = list(documents(dataset, "train")), tokens_of(tmp_path / "out")
    ends = np.flatnonzero(tokens == meta["separator_id"])
    assert tokens[-1] == meta["separator_id"]
    gpt2 = load_tokenizer("gpt2")
    assert [gpt2.decode(ids[:-1]) for ids in np.split(tokens, ends + 1)[:-1]] == texts
    assert meta["num_documents"] == len(texts)
    assert meta["num_characters"] == sum(map(len, texts))
    assert meta["num_tokens"] == len(tokens)
    assert (
        meta["tokens_sha256"]
        == hashlib.sha256((tmp_path / "out/tokens.bin").read_bytes()).hexdigest()
    )
    assert meta["dtype"] == "uint16"
    assert meta == read_meta(tmp_path / "out")


def test_text8_tokens_are_the_characters_of_one_text(tmp_path: Path):
    dataset = json_lines(
        tmp_path,
        ["One.", "日本", "Two 2", "Three"],
        splits={"type": "hash", "validation": 0.0, "test": 0.0},
    )
    meta = tokenize_split(dataset, "text8", "train", tmp_path / "out")
    assert Text8().decode(tokens_of(tmp_path / "out")) == "one two two three "
    assert meta["num_characters"] == meta["num_tokens"] == 18
    assert meta["num_documents"] == 3


def test_documents_are_detokenized_before_encoding(tmp_path: Path):
    text = "the N companies ' shares fell $ N <unk>"
    dataset = json_lines(
        tmp_path, [text], splits={"type": "hash", "validation": 0.0, "test": 0.0}, detokenizer="ptb"
    )
    meta = tokenize_split(dataset, "gpt2", "train", tmp_path / "out")
    expected = load_tokenizer("gpt2").encode_batch([DETOKENIZERS["ptb"].load()(text)])[0]
    assert tokens_of(tmp_path / "out").tolist() == [*expected, 50256]
    assert meta["detokenizer"] == "ptb"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text8", "gpt2"])
def test_several_processes_write_the_same_tokens_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    dataset = json_lines(tmp_path, TEXTS + [f"<|endoftext|>{text}" for text in TEXTS])
    one = tokenize_split(dataset, name, "train", tmp_path / "one", num_processes=1)
    monkeypatch.setattr(encoding, "BATCH_CHARACTERS", 500)
    pools = []
    monkeypatch.setattr(
        encoding,
        "ProcessPoolExecutor",
        lambda *args, _real=encoding.ProcessPoolExecutor, **kw: (
            pools.append(args) or _real(*args, **kw)
        ),
    )
    two = tokenize_split(dataset, name, "train", tmp_path / "two", num_processes=2)
    assert pools == [(2,)]
    assert (tmp_path / "one/tokens.bin").read_bytes() == (tmp_path / "two/tokens.bin").read_bytes()
    assert one == two


def test_a_tokenizing_process_starts_without_the_configuration():
    code = "import sys, sedd.data.encoding; sys.exit('sedd.config' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_progress_counts_documents(tmp_path: Path):
    dataset, counts = json_lines(tmp_path, TEXTS), []
    tokenize_split(dataset, "text8", "train", tmp_path / "out", on_progress=counts.append)
    assert sum(counts) == len(list(documents(dataset, "train")))


@pytest.mark.parametrize(
    ("vocab_size", "name"), [(27, "uint16"), (65536, "uint16"), (65537, "uint32")]
)
def test_token_dtype_is_the_smallest_that_holds_every_id(vocab_size: int, name: str):
    assert token_dtype(vocab_size).name == name
    assert np.array([vocab_size - 1], token_dtype(vocab_size))[0] == vocab_size - 1


def test_a_large_vocabulary_is_written_and_read_as_uint32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Wide(Text8):
        vocab_size = 100_000

        def encode_batch(self, texts):
            return [[70_000 + symbol for symbol in ids] for ids in super().encode_batch(texts)]

    monkeypatch.setattr(tokenize, "load_tokenizer", lambda name: Wide())
    dataset = json_lines(tmp_path, ["ab"], splits={"type": "hash", "validation": 0.0, "test": 0.0})
    meta = tokenize_split(dataset, "wide", "train", tmp_path / "out")
    assert meta["dtype"] == "uint32"
    assert tokens_of(tmp_path / "out").tolist() == [70_001, 70_002, 0]


def test_tokenizing_again_with_the_same_settings_reads_no_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dataset = json_lines(tmp_path, TEXTS)
    first = tokenize_split(dataset, "text8", "train", tmp_path / "out")
    read = []
    monkeypatch.setattr(one_pass, "divided", lambda *args: read.append(args) or divided(*args))
    assert tokenize_split(dataset, "text8", "train", tmp_path / "out") == first
    assert read == []
    assert tokenize_split(dataset, "text8", "train", tmp_path / "out", force=True) == first
    assert len(read) == 1


@pytest.mark.parametrize("change", ["text", "splits", "detokenizer", "format", "tokenizer"])
def test_changed_settings_or_text_are_tokenized_again(tmp_path: Path, change: str):
    first = tokenize_split(json_lines(tmp_path, TEXTS), "text8", "train", tmp_path / "out")
    settings = {
        "splits": {"splits": {"type": "hash", "seed": 1, "validation": 0.2, "test": 0.2}},
        "detokenizer": {"detokenizer": "lm1b"},
    }
    dataset = json_lines(
        tmp_path, TEXTS[:-9] if change == "text" else TEXTS, **settings.get(change, {})
    )
    if change == "format":
        dataset = local(tmp_path / "texts.jsonl", {"type": "text"})
    second = tokenize_split(
        dataset, "gpt2" if change == "tokenizer" else "text8", "train", tmp_path / "out"
    )
    assert second["settings_sha256"] != first["settings_sha256"]
    assert second["tokenizer"] == ("gpt2" if change == "tokenizer" else "text8")


def test_a_changed_license_or_description_is_not_tokenized_again(tmp_path: Path):
    first = tokenize_split(json_lines(tmp_path, TEXTS), "text8", "train", tmp_path / "out")
    edited = json_lines(tmp_path, TEXTS, description="edited", licence="CC0")
    assert tokenize_split(edited, "text8", "train", tmp_path / "out") == first


class Killed(BaseException):
    """Like a signal, not caught by `except Exception`."""


@pytest.mark.parametrize("moment", ["among the tokens", "before meta.json"])
@pytest.mark.parametrize("had_older", [False, True])
def test_a_split_killed_half_way_is_never_read_as_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, had_older: bool
):
    dataset, out = json_lines(tmp_path, TEXTS), tmp_path / "out"
    older = (
        tokenize_split(json_lines(tmp_path, TEXTS[:150]), "text8", "train", out)
        if had_older
        else None
    )
    dataset = json_lines(tmp_path, TEXTS)

    def half(*args: object) -> Iterator[tuple[str, list[str]]]:
        yield from ((text, ["train"]) for text in TEXTS[:100])
        raise Killed

    def killed(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "among the tokens":
            patch.setattr(encoding, "BATCH_CHARACTERS", 100)
            patch.setattr(encoding, "BATCHES_BEFORE_PROCESSES", 2)
            patch.setattr(one_pass, "divided", half)
        else:
            patch.setattr(split_writer, "write_json", killed)
        with pytest.raises(Killed):
            tokenize_split(dataset, "text8", "train", out)
    if older is not None and moment == "among the tokens":
        assert read_meta(out) == older  # the older split is still complete
    else:
        with pytest.raises(DataError, match="no complete tokens"):
            read_meta(out)
    again = tokenize_split(dataset, "text8", "train", out)
    assert again == tokenize_split(dataset, "text8", "train", tmp_path / "fresh")
    files = [".tokens.verified.json", "meta.json", "tokens.bin"]
    assert sorted(path.name for path in out.iterdir()) == files


def edit_meta(folder: Path, **changes: object) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 1}, "format must be 2, got 1"),
        ({"num_tokens": "many"}, "wrong type: num_tokens"),
        ({"dtype": "uint32"}, "dtype 'uint32' does not match vocab_size 27"),
        (
            {"num_tokens": 5},
            r"tokens\.bin: \d+ bytes, but meta\.json lists 5 tokens, 10 bytes",
        ),
    ],
)
def test_an_inconsistent_folder_is_rejected_and_tokenized_again(
    tmp_path: Path, changes: dict[str, object], message: str
):
    dataset, out = json_lines(tmp_path, TEXTS), tmp_path / "out"
    whole = tokenize_split(dataset, "text8", "train", out)
    edit_meta(out, **changes)
    with pytest.raises(DataError, match=message + ".*; to write it again: sedd tokenize --force"):
        read_meta(out)
    assert tokenize_split(dataset, "text8", "train", out) == whole == read_meta(out)


def test_truncated_or_missing_tokens_are_rejected(tmp_path: Path):
    tokenize_split(json_lines(tmp_path, TEXTS), "text8", "train", tmp_path / "out")
    path = tmp_path / "out/tokens.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"tokens\.bin: \d+ bytes"):
        read_meta(tmp_path / "out")
    path.unlink()
    with pytest.raises(DataError, match=r"tokens\.bin: missing"):
        read_meta(tmp_path / "out")


def test_an_empty_split_is_an_error_and_leaves_no_file(tmp_path: Path):
    dataset = json_lines(tmp_path, [" "], splits={"type": "hash", "validation": 0.0, "test": 0.0})
    with pytest.raises(DataError, match="split train has no text"):
        tokenize_split(dataset, "text8", "train", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def many(dataset: DatasetConfig, splits: list[str]) -> Iterator[tuple[str, list[str]]]:
        return ((f"{'word ' * 200}{n}", splits) for n in range(4_000))  # 4 million characters

    monkeypatch.setattr(one_pass, "divided", many)
    monkeypatch.setattr(encoding, "BATCH_CHARACTERS", 1 << 12)
    tracemalloc.start()
    try:
        meta = tokenize_split(json_lines(tmp_path, TEXTS), "text8", "train", tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert meta["num_tokens"] > 4_000_000
    assert peak < 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("num_processes", [1, 2])
def test_only_a_few_batches_are_read_ahead_of_a_slow_consumer(
    monkeypatch: pytest.MonkeyPatch, num_processes: int
):
    monkeypatch.setattr(encoding, "BATCHES_BEFORE_PROCESSES", 4)
    taken = 0

    def endless() -> Iterator[tuple[int, list[str]]]:
        nonlocal taken
        while True:
            taken += 1
            yield taken, ["ten letters"]

    stream = encoding.encode(endless(), encoding.Encoder(Text8(), None), num_processes)
    assert [next(stream)[0] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert taken <= 5 + 4 + encoding.BATCHES_IN_FLIGHT * num_processes
    stream.close()
