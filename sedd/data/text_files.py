"""A user's own texts: files of one document per line, plain or as JSON lines, or standard input."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.data.characters import replace_lone_surrogates
from sedd.errors import DataError
from sedd.runtime.json_text import json_text

STDIN = "-"
MAX_PROBLEMS = 10  # listed in one message


@dataclass(frozen=True)
class Document:
    """One document. file, line: where it was read, the line counted from 1."""

    file: str
    line: int
    text: str


def read_texts(files: Sequence[str]) -> list[Document]:
    """The documents of some files, in order.

    A file `*.jsonl` holds one JSON object per line, with the document as key `text`. Any other file
    holds one document per line; white space at its ends is dropped. Standard input, `-`, holds JSON
    lines if its first character is `{`. Empty lines are skipped.
    Raises DataError with all problems of a file, by line.
    """
    return [document for file in files for document in _documents(file)]


def texts_sha256(texts: Sequence[str]) -> str:
    """Hash of some texts, in order."""
    return hashlib.sha256(json_text(list(texts)).encode()).hexdigest()


def _documents(file: str) -> list[Document]:
    lines = read_lines(file)
    is_json = lines[0][1].startswith("{") if file == STDIN else Path(file).suffix == ".jsonl"
    if not is_json:
        return [Document(name_of(file), number, line) for number, line in lines]
    documents, problems = [], list[str]()
    for number, entry in json_objects(file, lines):
        if isinstance(text := entry.get("text"), str):
            documents.append(Document(name_of(file), number, replace_lone_surrogates(text)))
        else:
            problems.append(f"line {number}: {wrong_type('text', 'a text', entry)}")
    refuse(file, problems)
    return documents


def name_of(file: str) -> str:
    """The file as messages and records name it."""
    return "standard input" if file == STDIN else file


def read_lines(file: str) -> list[tuple[int, str]]:
    """Each line that is not empty, without white space at its ends, after its number from 1.

    Raises DataError if the file cannot be read, is not UTF-8, or has no such line.
    """
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a character that no path has
        raise DataError(f"{file!r}: cannot be the name of a file") from error
    lines, problems = [], list[str]()
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            what = f"byte 0x{raw[error.start]:02x} at column {error.start + 1}"
            problems.append(f"line {number}: not UTF-8 text ({what}); convert the file to UTF-8")
            continue
        if line:
            lines.append((number, line))
    refuse(file, problems)
    if not lines:
        raise DataError(f"{name_of(file)}: holds no text: it is empty, or all its lines are")
    return lines


def json_objects(
    file: str, lines: Sequence[tuple[int, str]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON object of each line, after its number. Raises DataError with all lines that hold
    none.
    """
    objects, problems = [], list[str]()
    for number, line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number}: not valid JSON: {error}")
            continue
        if isinstance(entry, dict):
            objects.append((number, entry))
        else:
            what = type(entry).__name__
            problems.append(
                f'line {number}: must be an object, such as {{"text": "..."}}; got {what}'
            )
    refuse(file, problems)
    yield from objects


def wrong_type(key: str, allowed: str, entry: dict[str, Any]) -> str:
    """What is wrong with the value of a key that is missing or has another type."""
    if key not in entry:
        return f"no key {key!r}, which must be {allowed}; its keys: {', '.join(map(repr, entry)) or 'none'}"
    return f"{key!r} must be {allowed}, got {repr(entry[key])[:60]}"


def refuse(file: str, problems: Sequence[str]) -> None:
    """Raise DataError that lists the problems of a file, if there are any."""
    if not problems:
        return
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    more = len(problems) - MAX_PROBLEMS
    rest = [f"... and {more} more"] if more > 0 else []
    raise DataError("\n  ".join([f"{name_of(file)}: {count}", *problems[:MAX_PROBLEMS], *rest]))
