"""Documents out of one file of text, JSON or JSON lines, plain or gzipped.

Text and JSON lines are read as a stream; JSON, whose end must be known, as a whole.
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
    """Yield the documents of one file, in its order; DataError tells the place of whatever is malformed."""
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
        raise DataError(f"{path}: no such file; put it there or correct the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error}; convert it to UTF-8") from error
    except (json.JSONDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{path}: not valid {form.type}: {error}") from error


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _json_documents(path: Path, content: Any, field: str | None) -> Iterator[str]:
    """A list of documents, or a mapping of titles to documents."""
    if isinstance(content, dict):
        entries: Iterable[tuple[Any, Any]] = content.items()
    elif isinstance(content, list):
        entries = enumerate(content)
    else:
        raise DataError(f"{path}: holds a {type(content).__name__}, not a list or mapping of texts")
    for key, entry in entries:
        yield text_of(entry, field, f"{path}, entry {key!r}")


def _json_lines(path: Path, lines: Iterable[str], field: str | None) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{place}: not valid JSON: {error}") from error
        yield text_of(entry, field, place)


def text_of(entry: Any, field: str | None, place: str) -> str:
    """The text of one entry: itself, or what stands under `field`."""
    text = entry
    if field is not None:
        if not isinstance(entry, dict) or field not in entry:
            known = ", ".join(map(repr, entry)) if isinstance(entry, dict) else "none"
            raise DataError(f"{place}: has no field {field!r}; its fields: {known}")
        text = entry[field]
    if not isinstance(text, str):
        raise DataError(
            f"{place}: is a {type(text).__name__}, not text; name the text by format.field"
        )
    # JSON can spell half a surrogate pair, which no encoding and no vocabulary knows
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _between(
    path: Path, lines: Iterable[str], start_after: str | None, end_before: str | None
) -> Iterator[str]:
    """The lines between two marks, each of which stands within one line."""
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
        raise DataError(f"{path}: format.start_after {start_after!r} stands in no line")
    if end_before is not None:
        raise DataError(
            f"{path}: format.end_before {end_before!r} stands in no line after the start"
        )


def _text_documents(lines: Iterable[str], document: str) -> Iterator[str]:
    """`line`: each line that is not blank; `paragraph`: lines up to a blank one; `file`: everything."""
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
