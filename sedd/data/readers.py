"""Read documents from a text, JSON or JSON-lines file, plain or gzipped.

Text and JSON-lines files are streamed; a JSON file is read into memory.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from sedd.config.dataset import JsonFormat, JsonLinesFormat, TextFormat
from sedd.errors import DataError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
FileFormat = JsonFormat | JsonLinesFormat | TextFormat


def read_documents(path: Path, form: FileFormat) -> Iterator[str]:
    """Yield the documents of one file, in order.

    Raises DataError with the location of malformed content.
    """
    try:
        with _open(path) as file:
            if isinstance(form, JsonFormat):
                yield from _json_documents(path, json.load(file), form.field)
            elif isinstance(form, JsonLinesFormat):
                yield from _json_lines(path, file, form.field)
            else:
                lines = _between(path, file, form.start_after, form.end_before)
                yield from _text_documents(lines, form.document)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; add the file or correct the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error}; convert it to UTF-8") from error
    except (json.JSONDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{path}: not valid {form.type}: {error}") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _json_documents(path: Path, content: Any, field: str | None) -> Iterator[str]:
    """Yield the documents of a list, or of a mapping from titles to documents."""
    if isinstance(content, dict):
        entries: Iterable[tuple[Any, Any]] = content.items()
    elif isinstance(content, list):
        entries = enumerate(content)
    else:
        raise DataError(f"{path}: must be a list or mapping of texts, got {type(content).__name__}")
    for key, entry in entries:
        yield text_of(entry, field, f"{path}, entry {key!r}")


def _json_lines(path: Path, lines: Iterable[str], field: str | None) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        location = f"{path}, line {number}"
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{location}: not valid JSON: {error}") from error
        yield text_of(entry, field, location)


def text_of(entry: Any, field: str | None, location: str) -> str:
    """Text of one entry: the entry itself, or its value for the key `field`.

    Raises DataError if it is no text.
    """
    text = entry
    if field is not None:
        if not isinstance(entry, dict) or field not in entry:
            known = ", ".join(map(repr, entry)) if isinstance(entry, dict) else "none"
            raise DataError(f"{location}: has no field {field!r}; its fields: {known}")
        text = entry[field]
    if not isinstance(text, str):
        raise DataError(
            f"{location}: must be text, got {type(text).__name__}; "
            "set format.field to the key of the text"
        )
    return replace_lone_surrogates(text)


def replace_lone_surrogates(text: str) -> str:
    """Replace each half of a surrogate pair, which JSON can contain; UTF-8 and tokenizers reject it."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _between(
    path: Path, lines: Iterable[str], start_after: str | None, end_before: str | None
) -> Iterator[str]:
    """Yield the text between two marks.

    A mark does not span lines. Raises DataError if a mark is missing.
    """
    inside = start_after is None
    for line in lines:
        if not inside:
            assert start_after is not None
            _, mark, line = line.partition(start_after)
            inside = bool(mark)
            if not inside:
                continue
        if end_before is not None and end_before in line:
            yield line.partition(end_before)[0]
            return
        yield line
    if not inside:
        raise DataError(f"{path}: no line contains format.start_after {start_after!r}")
    if end_before is not None:
        raise DataError(
            f"{path}: no line after the start contains format.end_before {end_before!r}"
        )


def _text_documents(lines: Iterable[str], document: str) -> Iterator[str]:
    """Yield each non-blank line, each paragraph (up to a blank line), or the whole file."""
    if document == "line":
        yield from (line.strip() for line in lines if line.strip())
    elif document == "paragraph":
        for is_text, group in itertools.groupby(lines, key=lambda line: bool(line.strip())):
            if is_text:
                yield "".join(group).rstrip("\n")
    else:
        text = "".join(lines)
        if text.strip():
            yield text
