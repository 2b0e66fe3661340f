"""Reading documents from files."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from sedd.config.dataset import Format
from sedd.data import readers
from sedd.data.readers import read_documents
from sedd.errors import DataError


def read(path: Path, **form: Any) -> list[str]:
    return list(read_documents(path, TypeAdapter(Format).validate_python(form)))


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_text_is_read_by_line_paragraph_or_file(tmp_path: Path):
    path = written(tmp_path, "t.txt", " one \ntwo\u2028still two\n\n \nthree\n")
    assert read(path, type="text") == ["one", "two\u2028still two", "three"]
    assert read(path, type="text", document="paragraph") == [" one \ntwo\u2028still two", "three"]
    assert read(path, type="text", document="file") == [path.read_text()]


def test_marks_select_the_text_inside_a_larger_file(tmp_path: Path):
    path = written(tmp_path, "t.py", 'before\nx = """first\nsecond\nlast""", "after"\nmore """\n')
    assert read(path, type="text", start_after='"""', end_before='"""') == [
        "first",
        "second",
        "last",
    ]
    one_line = written(tmp_path, "u.py", "a <b> c </b> d")
    assert read(one_line, type="text", start_after="<b>", end_before="</b>") == ["c"]


@pytest.mark.parametrize(
    ("key", "where"), [("start_after", "no line"), ("end_before", "no line after the start")]
)
def test_a_missing_mark_is_an_error(tmp_path: Path, key: str, where: str):
    path = written(tmp_path, "t.txt", "some text\n")
    with pytest.raises(DataError, match=rf"t\.txt: {where} contains format\.{key} '@@'"):
        read(path, type="text", **{key: "@@"})


def test_json_is_a_list_or_mapping_of_texts_or_objects(tmp_path: Path):
    assert read(written(tmp_path, "a.json", '["x", "y"]'), type="json") == ["x", "y"]
    path = written(tmp_path, "b.json", '{"X": {"extract": "x"}, "A": {"extract": "y"}}')
    assert read(path, type="json", field="extract") == ["x", "y"]


def test_json_lines_may_be_gzipped(tmp_path: Path):
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "caf\\u00e9"}\n\n{"text": "\xc3\xa9"}\n'))
    assert read(path, type="jsonl", field="text") == ["café", "é"]


def test_half_a_surrogate_pair_becomes_the_replacement_character(tmp_path: Path):
    path = written(tmp_path, "t.jsonl", '"a\\ud83d b \\ud83d\\ude00"\n')
    assert read(path, type="jsonl") == ["a\ufffd b 😀"]


@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        ('"a"\n{"b": 1\n', {"type": "jsonl"}, r"line 2: not valid JSON"),
        (
            '{"b": "x", "c": 1}\n',
            {"type": "jsonl", "field": "text"},
            r"line 1: has no field 'text'; its fields: 'b', 'c'",
        ),
        (
            '{"b": 1}\n',
            {"type": "jsonl", "field": "b"},
            r"line 1: must be text, got int; set format.field",
        ),
        ('{"k": {"b": "x"}}', {"type": "json"}, r"entry 'k': must be text, got dict"),
        ("3", {"type": "json"}, r"must be a list or mapping of texts, got int"),
        ("[1,", {"type": "json"}, r"not valid json"),
    ],
)
def test_malformed_content_is_an_error_with_its_location(
    tmp_path: Path, content: str, form: dict[str, Any], message: str
):
    with pytest.raises(DataError, match=message):
        read(written(tmp_path, "t", content), **form)


def test_missing_files_and_bytes_that_are_not_utf8_are_errors(tmp_path: Path):
    path = tmp_path / "t.txt"
    with pytest.raises(DataError, match="no such file"):
        read(path, type="text")
    path.write_bytes(b"caf\xe9\n")
    with pytest.raises(DataError, match=r"t\.txt: not UTF-8 text"):
        read(path, type="text")
    (tmp_path / "t.txt.gz").write_bytes(b"plain")
    with pytest.raises(DataError, match="is not gzip, as its name says"):
        read(tmp_path / "t.txt.gz", type="text")


def test_lines_are_read_as_a_stream(tmp_path: Path):
    """The first document arrives although the file is cut off far behind it."""
    path = tmp_path / "t.jsonl.gz"
    lines = "".join(json.dumps(f"text {n} {n**20}") + "\n" for n in range(50_000))
    path.write_bytes(gzip.compress(lines.encode())[:-100_000])
    stream = read_documents(path, TypeAdapter(Format).validate_python({"type": "jsonl"}))
    assert next(stream) == "text 0 0"
    with pytest.raises(DataError, match="not valid jsonl"):
        list(stream)


def zipped(content: bytes, *, cut: int = 0, flip: int | None = None) -> bytes:
    packed = bytearray(gzip.compress(content, mtime=0))
    if flip is not None:
        packed[flip] ^= 0xFF
    return bytes(packed[: len(packed) - cut])


DEEP = b"[" * 100_000
DIGITS = b'{"text": ' + b"9" * 5000 + b"}"
HOSTILE = [
    ("t.jsonl", DEEP, "line 1: not valid JSON: it has too many levels"),
    ("t.json", DEEP, "not valid json: it has too many levels"),
    ("t.jsonl", b'{"text": "a"}\n' + DIGITS, "line 2: not valid JSON: Exceeds the limit"),
    ("t.json", DIGITS, "not valid json: Exceeds the limit"),
    ("t.jsonl", b'{"text": "caf\xe9"}', "not UTF-8 text"),
    ("t.json", b'{"text": "caf\xe9"}', "not UTF-8 text"),
    ("t.jsonl.gz", zipped(b'{"text": "a"}\n' * 999, cut=20), "Compressed file ended"),
    ("t.jsonl.gz", zipped(b'{"text": "a"}\n' * 999, flip=15), "not valid jsonl"),
    ("t.jsonl.gz", zipped(b'{"text": "a"}\n' * 999, flip=-6), "CRC check failed"),
    ("t.txt.gz", zipped(b"word " * 10**6), "line 1: has more than 1,000 characters; split"),
    ("t.jsonl.gz", zipped(b'"' + b"a" * 10**6 + b'"'), "line 1: has more than 1,000 characters"),
    ("t.json.gz", zipped(b'["' + b"a" * 10**6 + b'"]'), "has more than 2,000 characters; write"),
]


@pytest.mark.parametrize(("name", "content", "message"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_files_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, message: str
):
    if "more than" in message:  # a bomb: far larger than what is read of it
        monkeypatch.setattr(readers, "MAX_CHARACTERS", 1000)
        monkeypatch.setattr(readers, "MAX_JSON_CHARACTERS", 2000)
    path = tmp_path / name
    path.write_bytes(content)
    form = {"json": "json", "jsonl": "jsonl", "txt": "text"}[name.split(".")[1]]
    field = {"field": "text"} if form == "jsonl" and b"a" * 9 not in content else {}
    with pytest.raises(DataError, match=rf"^[^\n]*{re.escape(message)}[^\n]*$"):
        read(path, type=form, **field)


@pytest.mark.parametrize("document", ["paragraph", "file"])
def test_documents_of_many_lines_are_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str
):
    path = written(tmp_path, "t.txt", "some words\n" * 100)
    assert len(read(path, type="text", document=document)) == 1
    monkeypatch.setattr(readers, "MAX_CHARACTERS", 1000)
    with pytest.raises(DataError, match=r"a document: has more than 1,000 characters"):
        read(path, type="text", document=document)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(readers, "MAX_CHARACTERS", 10_000)
    path = tmp_path / "t.txt.gz"
    path.write_bytes(zipped(bytes(5 * 10**7)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="has more than 10,000"):
            read(path, type="text")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
