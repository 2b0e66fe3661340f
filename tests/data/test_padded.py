"""Sequences of one document each, and the file that keeps where documents end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.text_examples import json_lines

from sedd.data import document_ends
from sedd.data.padded import PaddedBlocks
from sedd.data.token_folder import open_tokens
from sedd.data.tokenize import tokenize_split
from sedd.errors import DataError

TEXTS = ["one two", "", "a longer document than the others: it has several sequences", "x", ""]
LENGTH = 4


def write(folder: Path, texts: list[str]) -> Path:
    """Tokens of the split `paper`, which keeps empty documents."""
    splits = {"type": "hash", "validation": 0.0, "test": 0.0, "paper": "train"}
    tokenize_split(json_lines(folder, texts, splits=splits), "gpt2", "paper", folder / "out")
    return folder / "out"


def sequences(folder: Path) -> Iterator[list[int]]:
    """By the definition."""
    tokens, meta = open_tokens(folder)
    pad, document = meta["separator_id"], []
    for token in tokens.tolist():
        if token != pad:
            document.append(token)
            continue
        for start in range(0, len(document), LENGTH):
            part = document[start : start + LENGTH]
            yield part + [pad] * (LENGTH - len(part))
        document = []


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[1:], TEXTS[::-1], TEXTS * 3])
def test_sequences_are_those_of_each_document_padded(tmp_path: Path, texts: list[str]):
    folder = write(tmp_path, texts)
    blocks, wanted = PaddedBlocks(folder, LENGTH), list(sequences(folder))
    assert blocks[np.arange(len(blocks))].tolist() == wanted
    assert blocks[[3, 0, 3]].tolist() == [wanted[3], wanted[0], wanted[3]]
    with pytest.raises(IndexError):
        blocks[len(wanted)]


def test_documents_are_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write(tmp_path, TEXTS)
    monkeypatch.setattr(document_ends, "CHUNK_TOKENS", 3)
    first = PaddedBlocks(folder, LENGTH)
    monkeypatch.setattr(np, "flatnonzero", None)  # the tokens are not read
    again = PaddedBlocks(folder, LENGTH)
    assert again[np.arange(len(again))].tolist() == first[np.arange(len(first))].tolist()


@pytest.mark.parametrize("damage", ["empty", "short", "other", "absent"])
def test_a_damaged_record_of_documents_is_made_again(tmp_path: Path, damage: str):
    folder = write(tmp_path, TEXTS)
    PaddedBlocks(folder, LENGTH)
    (path,) = folder.glob(".*.ends.npy")
    whole = path.read_bytes()
    if damage == "absent":
        path.unlink()
    elif damage == "other":
        np.save(path.open("wb"), np.arange(len(TEXTS)))
    else:
        path.write_bytes(whole[: -8 if damage == "short" else 0])
    blocks = PaddedBlocks(folder, LENGTH)
    assert blocks[np.arange(len(blocks))].tolist() == list(sequences(folder))
    assert path.read_bytes() == whole


def test_other_tokens_have_another_record_of_documents(tmp_path: Path):
    (before,) = ends_after(write(tmp_path, TEXTS))
    (after,) = ends_after(write(tmp_path, [*TEXTS, "more"]))
    assert before != after
    blocks = PaddedBlocks(tmp_path / "out", LENGTH)
    assert blocks[np.arange(len(blocks))].tolist() == list(sequences(tmp_path / "out"))


def ends_after(folder: Path) -> list[str]:
    PaddedBlocks(folder, LENGTH)
    return [path.name for path in folder.glob(".*.ends.npy")]


def test_a_split_without_a_token_in_a_document_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no document has a token"):
        PaddedBlocks(write(tmp_path, ["", ""]), LENGTH)
