"""The format of a file whose dataset is not written yet, from its content and its name."""

from __future__ import annotations

import csv
import itertools
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sedd.data.open_file import ENDINGS, TEXT, kind_of, open_text, wrong_kind
from sedd.data.readers import MAX_JSON_CHARACTERS
from sedd.data.table_files import columns_of
from sedd.errors import DataError

TEXT_NAMES = ("text", "content", "document", "article", "body", "sentence")
"""Usual names of the column with the text, likeliest first."""
IDS_NAMES = ("ids", "input_ids", "tokens")
LINES = 200
"""Lines that are looked at."""
LINE_CHARACTERS = 1 << 20


def guess_format(path: Path, field: str | None = None) -> dict[str, Any]:
    """The section `format` of a dataset with this file, as plain values.

    field: the column or key of the text; None: the likeliest one. Raises DataError if the file cannot
    be read, or has several fields of text and none of a usual name.
    """
    try:
        return _format(path, field)
    except csv.Error as error:
        raise DataError(f"{path}: not valid CSV: {error}") from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        what = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "cannot be read"
        raise DataError(f"{path}: {what}: {getattr(error, 'strerror', None) or error}") from error


def ending_of(path: Path) -> str:
    """The ending of a file's name, without that of a compression, in lower case."""
    suffixes = [one.lower() for one in path.suffixes]
    return next((one for one in reversed(suffixes) if one not in ENDINGS), "")


def _format(path: Path, field: str | None) -> dict[str, Any]:
    match kind_of(path):
        case "parquet" | "arrow":
            text = [name for name, kind in columns_of(path).items() if "string" in kind]
            return {"type": "rows", "field": _text_field(path, text, field)}
        case "npy":
            return {"type": "ids"}
        case kind if kind != TEXT:
            raise wrong_kind(path, kind, "text, parquet, arrow or npy")
    with open_text(path, newline="") as file:
        lines = list(itertools.islice(iter(lambda: file.readline(LINE_CHARACTERS), ""), LINES))
    if ending_of(path) in (".csv", ".tsv"):
        return _csv(path, lines, field)
    if ending_of(path) == ".json" and (entries := _entries_of_json(path)) is not None:
        return _json(path, "json", entries, field)
    values = [_value(line) for line in lines[:-1] if line.strip()] or [_value("".join(lines))]
    if all(isinstance(one, dict | list | str) for one in values):
        return _json(path, "jsonl", values, field)
    return {"type": "text", "document": _unit(lines)}


def _value(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _entries_of_json(path: Path) -> list[Any] | None:
    """The first entries of a JSON file; None if it is none, as for JSON lines of this name."""
    with open_text(path) as file:
        content = file.read(MAX_JSON_CHARACTERS + 1)
    if len(content) > MAX_JSON_CHARACTERS:
        return None
    value = _value(content)
    if isinstance(value, dict) and not any(isinstance(one, str) for one in value.values()):
        value = list(value.values())
    return value[:LINES] if isinstance(value, list) else None


def _json(path: Path, kind: str, entries: list[Any], field: str | None) -> dict[str, Any]:
    if all(isinstance(one, str) for one in entries):
        return {"type": kind}
    if all(_is_ids(one) for one in entries) and kind == "jsonl":
        return {"type": "ids"}
    if not all(isinstance(one, dict) for one in entries):
        raise DataError(f"{path}: its entries must be texts, lists of ids, or objects with a text")
    fields = set.intersection(*(set(one) for one in entries))
    ids = [one for one in IDS_NAMES if one in fields and _is_ids(entries[0][one])]
    if field in ids or (ids and field is None and not fields & {*TEXT_NAMES}):
        return {"type": "ids", "field": field or ids[0]}
    text = [one for one in entries[0] if one in fields and isinstance(entries[0][one], str)]
    return {"type": kind, "field": _text_field(path, text, field)}


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int for one in value)


def _csv(path: Path, lines: list[str], field: str | None) -> dict[str, Any]:
    delimiter = max("\t,;|", key=lines[0].count)
    rows = list(csv.reader(lines[:-1] if len(lines) == LINES else lines, delimiter=delimiter))
    names = rows[0] if rows else []
    # the longest column is the likeliest text, where none has a usual name
    sizes = {
        name: sum(len(row[at]) for row in rows if at < len(row)) for at, name in enumerate(names)
    }
    text = sorted(sizes, key=lambda name: -sizes[name])
    chosen = field or next((one for one in TEXT_NAMES if one in text), text[0] if text else None)
    return {"type": "csv", "field": _text_field(path, text, chosen), "delimiter": delimiter}


def _text_field(path: Path, text: Iterable[str], field: str | None) -> str:
    known = list(text)
    shown = ", ".join(map(repr, known)) or "none"
    if field is not None:
        if field in known:
            return field
        raise DataError(f"{path}: has no field of text {field!r}; its fields of text: {shown}")
    usual = [name for name in TEXT_NAMES if name in known] or (known if len(known) == 1 else [])
    if not usual:
        raise DataError(
            f"{path}: which field is the text? give --field; its fields of text: {shown}"
        )
    return usual[0]


def _unit(lines: list[str]) -> str:
    """line, or paragraph if empty lines separate groups of lines."""
    groups = [len([*group]) for is_text, group in itertools.groupby(lines, _has_text) if is_text]
    return "paragraph" if len(groups) > 2 and max(groups) > 1 else "line"


def _has_text(line: str) -> bool:
    return bool(line.strip())


def described(form: Mapping[str, Any]) -> str:
    """The format in a few words, such as `csv, field 'text'`."""
    parts = [f"{key} {value!r}" for key, value in form.items() if key != "type"]
    return ", ".join([str(form["type"]), *parts])
