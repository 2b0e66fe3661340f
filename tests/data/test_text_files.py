"""A user's own files of texts: their documents, and their problems by line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from sedd.data.text_files import read_texts
from sedd.errors import DataError


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_a_text_file_holds_a_document_a_line_and_json_lines_a_key_text(tmp_path: Path):
    plain = written(tmp_path, "a.txt", b"\xef\xbb\xbf one \r\n\r\n  \ntwo\xe2\x80\xa8still two")
    lines = written(
        tmp_path, "b.jsonl", '{"text": " three ", "id": 3}\n\n{"text": "\\ud800\\u00e9"}\n'
    )
    found = [(one.file, one.line, one.text) for one in read_texts([plain, lines])]
    assert found == [
        (plain, 1, "one"),
        (plain, 4, "two\u2028still two"),
        (lines, 1, " three "),
        (lines, 3, "\ufffd\u00e9"),
    ]


@pytest.mark.parametrize(
    ("content", "texts"),
    [("one\n\ntwo\n", ["one", "two"]), ('{"text": "one"}\n{"text": "two"}', ["one", "two"])],
)
def test_standard_input_is_text_or_json_lines_by_its_first_character(monkeypatch, content, texts):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    documents = read_texts(["-"])
    assert [one.text for one in documents] == texts
    assert {one.file for one in documents} == {"standard input"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "holds no text: it is empty, or all its lines are"),
        ("a.jsonl", " \n\n", "holds no text"),
        (
            "a.txt",
            b"fine\nab\xff\n",
            r"1 problem\n  line 2: not UTF-8 text \(byte 0xff at column 3",
        ),
        (
            "a.jsonl",
            '{"text": "a"}\n{"text"\n[1]\n',
            r"2 problems\n  line 2: not valid JSON: .*\n  line 3: must be an object.* got list",
        ),
        (
            "a.jsonl",
            '{"text": 5}\n{"txt": "a"}\n',
            r"line 1: 'text' must be a text, got 5\n  line 2: no key 'text', which must be a text; "
            r"its keys: 'txt'",
        ),
        ("a.jsonl", "[" * 100_000, "line 1: not valid JSON"),
    ],
)
def test_problems_are_told_by_line_and_all_at_once(tmp_path: Path, name, content, message):
    file = written(tmp_path, name, content)
    with pytest.raises(DataError, match=message) as error:
        read_texts([file])
    assert str(error.value).startswith(file)


def test_many_problems_are_counted_and_ten_of_them_listed(tmp_path: Path):
    file = written(tmp_path, "a.jsonl", "\n".join(json.dumps({"text": n}) for n in range(15)))
    with pytest.raises(DataError, match=r"15 problems(\n  line .*){10}\n  ... and 5 more$"):
        read_texts([file])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path):
    for name, reason in (("none.txt", "No such file"), (".", "Is a directory")):
        with pytest.raises(DataError, match=f"cannot be read: {reason}"):
            read_texts([str(tmp_path / name)])
