"""Damaged tokens: found when they are opened, and repaired by tokenizing again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.text_examples import TEXTS, json_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from sedd.data import verified
from sedd.data.dataset import TokenBlocks
from sedd.data.token_folder import meta_file, open_tokens, read_meta, token_counts, tokens_file
from sedd.data.tokenize import tokenize_split
from sedd.errors import DataError

Damage = Callable[[bytearray, dict[str, Any]], None]


def swap(first: int, shift: int) -> Damage:
    """Another token of the vocabulary."""

    def damage(tokens: bytearray, meta: dict[str, Any]) -> None:
        place = 2 * (first % (len(tokens) // 2))
        tokens[place] = (tokens[place] + shift) % 27

    return damage


def flip(place: int, bit: int) -> Damage:
    def damage(tokens: bytearray, meta: dict[str, Any]) -> None:
        tokens[place % len(tokens)] ^= 1 << bit

    return damage


def edit(key: str, value: object) -> Damage:
    return lambda tokens, meta: meta.update({key: value})


def cut(count: int) -> Damage:
    def damage(tokens: bytearray, meta: dict[str, Any]) -> None:
        del tokens[-count:]

    return damage


ANY = st.integers(0, 10**9)
WRONG = st.sampled_from([None, True, -1, 1.5, 10**30, "x", [], {}])
DAMAGES = st.one_of(
    st.builds(swap, ANY, st.integers(1, 26)),
    st.builds(flip, ANY, st.integers(0, 7)),
    st.builds(cut, st.integers(1, 100)),
    st.builds(edit, st.just("tokens_sha256"), st.sampled_from(["0" * 64, "", "ü"])),
    st.builds(edit, st.just("vocab_size"), st.integers(0, 26)),
    st.builds(edit, st.sampled_from(["vocab_size", "num_tokens", "num_documents"]), WRONG),
    st.builds(edit, st.sampled_from(["dataset", "split", "tokenizer"]), st.just("other")),
    st.builds(edit, st.just("tokenizer_sha256"), st.just("0" * 64)),
)
READ_WITHOUT = {"dataset", "split", "tokenizer", "tokenizer_sha256"}  # see test_split_folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    tokenize_split(json_lines(folder, TEXTS), "text8", "train", folder / "out")
    return folder


@settings(max_examples=120, deadline=None)
@given(damage=DAMAGES)
def test_any_damage_is_found_and_repaired(whole: Path, damage: Damage):
    dataset, out = json_lines(whole, TEXTS), whole / "damaged"
    shutil.copytree(whole / "out", out, dirs_exist_ok=True)
    tokens = bytearray((out / "tokens.bin").read_bytes())
    meta = json.loads((out / "meta.json").read_bytes())
    damage(tokens, meta)
    (out / "tokens.bin").write_bytes(tokens)
    (out / "meta.json").write_text(json.dumps(meta))
    if {key: meta[key] for key in READ_WITHOUT} == json_of(whole / "out", READ_WITHOUT):
        for read in (open_tokens, token_counts, lambda folder: TokenBlocks(folder, 8)):
            with pytest.raises(DataError, match="sedd tokenize"):
                read(out)
    tokenize_split(dataset, "text8", "train", out)
    for name in ("tokens.bin", "meta.json"):
        assert (out / name).read_bytes() == (whole / "out" / name).read_bytes()


def json_of(folder: Path, keys: set[str]) -> dict[str, Any]:
    meta = json.loads((folder / "meta.json").read_bytes())
    return {key: meta[key] for key in keys}


def replace_keeping_the_time(path: Path, content: bytes) -> None:
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_the_file_is_read_once_and_again_after_it_was_touched(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(whole / "out", tmp_path, dirs_exist_ok=True)
    verified.record_file(tmp_path / "tokens.bin").unlink()
    monkeypatch.setattr(verified, "SHOWN_BYTES", 0)
    monkeypatch.setattr(verified, "CHUNK_BYTES", 1 << 10)  # streamed
    open_tokens(tmp_path)
    assert "verify " in capsys.readouterr().err
    path = tmp_path / "tokens.bin"
    damaged = bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]
    replace_keeping_the_time(path, damaged)
    open_tokens(tmp_path)  # not read again, or the damage would be found
    assert capsys.readouterr().err == ""
    path.touch()
    with pytest.raises(DataError, match="damaged, or belongs to another meta"):
        open_tokens(tmp_path)


@pytest.mark.parametrize(
    "record", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"size": ' + b"9" * 5000]
)
def test_a_damaged_record_is_made_again(whole: Path, tmp_path: Path, record: bytes):
    shutil.copytree(whole / "out", tmp_path, dirs_exist_ok=True)
    file = verified.record_file(tmp_path / "tokens.bin")
    file.write_bytes(record)
    open_tokens(tmp_path)
    assert json.loads(file.read_bytes())["size"] == (tmp_path / "tokens.bin").stat().st_size


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 100_000, b'{"format": ' + b"2" * 5000 + b"}", None]
)
def test_a_meta_file_that_is_none_is_one_line_and_repaired(
    whole: Path, tmp_path: Path, content: bytes | None
):
    shutil.copytree(whole / "out", tmp_path, dirs_exist_ok=True)
    meta = tmp_path / "meta.json"
    if content is None:
        meta.unlink()
        (meta / "deep").mkdir(parents=True)
    else:
        meta.write_bytes(content)
    with pytest.raises(DataError, match=r"meta\.json: [^\n]*sedd tokenize"):
        open_tokens(tmp_path)
    tokenize_split(json_lines(whole, TEXTS), "text8", "train", tmp_path)
    assert np.array_equal(open_tokens(tmp_path)[0], open_tokens(whole / "out")[0])


def test_counts_are_written_with_the_tokens_and_equal_those_of_numpy(
    whole: Path, monkeypatch: pytest.MonkeyPatch
):
    tokens = np.array(open_tokens(whole / "out")[0])
    monkeypatch.setattr(verified, "hashlib", None)  # the tokens are not read
    counts = token_counts(whole / "out")
    assert counts.dtype == np.int64
    assert np.array_equal(counts, np.bincount(tokens, minlength=27))


def test_tokens_without_recorded_counts_are_counted_once_in_chunks(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As earlier versions have left them: a record that has no counts."""
    shutil.copytree(whole / "out", tmp_path, dirs_exist_ok=True)
    record = verified.record_file(tmp_path / "tokens.bin")
    content = json.loads(record.read_bytes())
    counts = content.pop("counts")
    record.write_text(json.dumps(content))
    monkeypatch.setattr(verified, "CHUNK_BYTES", 26)
    assert token_counts(tmp_path).tolist() == counts
    assert json.loads(record.read_bytes()) == {**content, "counts": counts}
    monkeypatch.setattr(verified, "hashlib", None)
    assert token_counts(tmp_path).tolist() == counts


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda counts: counts[:-1], "are of 26 tokens, but the vocabulary has 27"),
        (lambda counts: [counts[0] + 1, *counts[1:]], r"sum to \d+, but the file has \d+ tokens"),
        (lambda counts: [-1, *counts[1:]], "are not whole numbers"),
        (lambda counts: [str(counts[0]), *counts[1:]], "are not whole numbers"),
        (lambda counts: {}, "are not whole numbers"),
    ],
    ids=["vocabulary", "sum", "negative", "text", "mapping"],
)
def test_counts_that_do_not_fit_are_reported_and_counted_again(
    whole: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[list[int]], object],
    message: str,
):
    shutil.copytree(whole / "out", tmp_path, dirs_exist_ok=True)
    record = verified.record_file(tmp_path / "tokens.bin")
    content = json.loads(record.read_bytes())
    record.write_text(json.dumps({**content, "counts": damage(content["counts"])}))
    assert token_counts(tmp_path).tolist() == content["counts"]
    found = capsys.readouterr().err
    assert re.fullmatch(f"{record}: damaged: its counts {message}; counting again\n", found)
    assert json.loads(record.read_bytes()) == content


def test_a_hundred_gigabytes_are_opened_and_counted_without_reading_them(
    whole: Path, tmp_path: Path
):
    """A file with a hole, which takes no disk. Reading it would take minutes."""
    num_tokens = 50_000_000_000
    with tokens_file(tmp_path).open("wb") as file:
        file.truncate(2 * num_tokens)
    meta = {**read_meta(whole / "out"), "num_tokens": num_tokens}
    meta_file(tmp_path).write_text(json.dumps(meta))
    wanted = np.zeros(27, dtype=np.int64)
    wanted[0] = num_tokens
    verified.record_verified(tokens_file(tmp_path), meta, wanted)
    assert np.array_equal(token_counts(tmp_path), wanted)
    blocks = TokenBlocks(tmp_path, 1000)
    assert len(blocks) == num_tokens // 1000
    assert blocks[[len(blocks) - 1]].tolist() == [[0] * 1000]
