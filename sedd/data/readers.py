"""Read documents from a file: text, JSON, JSON lines or CSV, plain or compressed; parquet, arrow or
token ids.

All but JSON files are streamed; a JSON file is read into memory. What is held in memory at once, a
line, a document or a JSON file, is bounded: a small compressed file may hold a huge one.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from sedd.config.dataset import (
    CsvFormat,
    Format,
    IdsFormat,
    JsonFormat,
    JsonLinesFormat,
    RowsFormat,
)
from sedd.data.characters import replace_lone_surrogates
from sedd.data.ids import array_documents, spelled
from sedd.data.open_file import kind_of, open_text
from sedd.data.table_files import column
from sedd.errors import DataError
from sedd.runtime.json_text import parse_json

MAX_CHARACTERS = 1 << 28
"""Of a line, and of a document."""
MAX_JSON_CHARACTERS = 1 << 30
"""Of a JSON file."""


def read_documents(path: Path, form: Format) -> Iterator[str]:
    """Yield the documents of one file, in order. Token ids are spelled with spaces between them.

    Raises DataError with the location of malformed content.
    """
    try:
        if isinstance(form, RowsFormat):
            for number, value in column(path, form.field):
                yield text_of(value, None, f"{path}, row {number}")
            return
        if isinstance(form, IdsFormat) and kind_of(path) == "npy":
            yield from array_documents(path)
            return
        with open_text(path, newline="" if isinstance(form, CsvFormat) else None) as file:
            if isinstance(form, CsvFormat):
                yield from _csv_rows(path, _lines(path, file), form)
            elif isinstance(form, JsonFormat):
                yield from _json_documents(path, _json_content(path, file), form.field)
            elif isinstance(form, JsonLinesFormat):
                yield from _json_lines(path, _lines(path, file), form.field)
            elif isinstance(form, IdsFormat):
                for where, entry in _json_values(path, _lines(path, file)):
                    yield spelled(value_of(entry, form.field, where), where)
            else:
                lines = _between(path, _lines(path, file), form.start_after, form.end_before)
                yield from _text_documents(path, lines, form.document)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; add the file or correct the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text: {error}; convert it to UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not valid {form.type}: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    """The lines of a file. Raises DataError for one that is too long."""
    for number in itertools.count(1):
        line = file.readline(MAX_CHARACTERS + 1)
        if len(line) > MAX_CHARACTERS:
            raise _too_long(f"{path}, line {number}", MAX_CHARACTERS, "split it into shorter lines")
        if not line:
            return
        yield line


def _too_long(where: str, limit: int, remedy: str) -> DataError:
    return DataError(f"{where}: has more than {limit:,} characters; {remedy}")


def _json_content(path: Path, file: IO[str]) -> Any:
    content = file.read(MAX_JSON_CHARACTERS + 1)
    if len(content) > MAX_JSON_CHARACTERS:
        remedy = "write one document per line (format.type jsonl), which is read as a stream"
        raise _too_long(str(path), MAX_JSON_CHARACTERS, remedy)
    try:
        return parse_json(content, str(path), "json")
    except DataError as error:
        if "Extra data" in str(error):
            raise DataError(
                f"{path}: holds more than one JSON value; set format.type: jsonl if each line is one"
            ) from error
        raise


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
    for where, entry in _json_values(path, lines):
        yield text_of(entry, field, where)


def _json_values(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The place and the JSON value of each line that is not empty."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, parse_json(line, where)


def _csv_rows(path: Path, lines: Iterable[str], form: CsvFormat) -> Iterator[str]:
    csv.field_size_limit(MAX_CHARACTERS)
    rows = csv.reader(lines, delimiter=form.delimiter, strict=True)
    try:
        header = next(rows, [])
        if header.count(form.field) != 1:
            known = ", ".join(map(repr, header))
            raise DataError(
                f"{path}: has no column {form.field!r}; its columns: {known}; set format.field to one "
                "of them, or format.delimiter"
            )
        place = header.index(form.field)
        for row in rows:
            if len(row) == len(header):
                yield row[place]
            elif row:  # not an empty line
                raise DataError(
                    f"{path}, line {rows.line_num}: has {len(row)} columns, the header has "
                    f"{len(header)}; correct the line, or set format.delimiter"
                )
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: not valid CSV: {error}") from error


def text_of(entry: Any, field: str | None, location: str) -> str:
    """Text of one entry: the entry itself, or its value for the key `field`.

    Raises DataError if it is not text.
    """
    text = value_of(entry, field, location)
    if not isinstance(text, str):
        raise DataError(
            f"{location}: must be text, got {type(text).__name__}; "
            "set format.field to the key of the text"
        )
    return replace_lone_surrogates(text)


def value_of(entry: Any, field: str | None, location: str) -> Any:
    """One entry, or its value for the key `field`. Raises DataError if it has none."""
    if field is None:
        return entry
    if not isinstance(entry, dict) or field not in entry:
        known = ", ".join(map(repr, entry)) if isinstance(entry, dict) else "none"
        raise DataError(f"{location}: has no field {field!r}; its fields: {known}")
    return entry[field]


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


def _text_documents(path: Path, lines: Iterable[str], document: str) -> Iterator[str]:
    """Yield each non-blank line, each line with its end, each paragraph (up to a blank line), or the
    whole file.
    """
    if document == "line":
        yield from (line.strip() for line in lines if line.strip())
    elif document == "line_with_end":
        # the hub's WikiText: a line of white space is an empty row
        yield from (line if line.strip() else "" for line in lines)
    elif document == "paragraph":
        for is_text, group in itertools.groupby(lines, key=lambda line: bool(line.strip())):
            if is_text:
                yield _joined(path, group).rstrip("\n")
    else:
        text = _joined(path, lines)
        if text.strip():
            yield text


def _joined(path: Path, lines: Iterable[str]) -> str:
    """The lines as one document. Raises DataError if it is too long."""
    parts, size = [], 0
    for line in lines:
        parts.append(line)
        size += len(line)
        if size > MAX_CHARACTERS:
            remedy = "split it into shorter documents, or choose format.document line"
            raise _too_long(f"{path}, a document", MAX_CHARACTERS, remedy)
    return "".join(parts)
