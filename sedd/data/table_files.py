"""Read documents from a column of parquet and arrow files, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sedd.data.open_file import kind_of, library, unpacked, wrong_kind
from sedd.errors import DataError, first_line

ROWS = 64
"""Rows that are turned into text at once, at most."""
BATCH_BYTES = 1 << 30
"""Of these rows, if each were as large as its column of a row group: a file can say a long text once,
and repeat it in every row."""


def column(path: Path, field: str) -> Iterator[tuple[int, Any]]:
    """Yield each row's number, from 0, and its value in the column `field`.

    The kind of the file is recognized by its first bytes. Raises DataError for a file that is no
    table, that is damaged, or that has no such column of text.
    """
    arrow: Any = library(path)
    kind = kind_of(path)
    try:
        if kind not in (read := {"parquet": _parquet, "arrow": _arrow}):
            raise wrong_kind(path, kind, " or ".join(read))
        number = 0
        with unpacked(path) as plain:
            for batch in read[kind](plain, path, field):
                for start in range(0, len(batch), ROWS):
                    for value in batch.slice(start, ROWS).to_pylist():
                        yield number, value
                        number += 1
    except (arrow.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: damaged {kind}: {first_line(error)}; get it again") from error


def columns_of(path: Path) -> dict[str, str]:
    """The columns of a parquet or arrow file, and their types. Raises DataError."""
    arrow: Any = library(path)
    try:
        with unpacked(path) as plain:
            if kind_of(path) == "parquet":
                from pyarrow.parquet import ParquetFile

                with ParquetFile(plain) as file:
                    schema = file.schema_arrow
            else:
                with arrow.memory_map(str(plain)) as mapped:
                    schema = _reader(mapped).schema
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from error
    return {one.name: str(one.type) for one in schema}


def _parquet(plain: Path, path: Path, field: str) -> Iterator[Any]:
    """The chunks of a column. plain: the file; path: what messages name."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(plain) as file:
        _check(path, file.schema_arrow, field)
        groups = (file.metadata.row_group(at) for at in range(file.metadata.num_row_groups))
        chunks = (group.column(at) for group in groups for at in range(group.num_columns))
        sizes = [one.total_uncompressed_size for one in chunks if one.path_in_schema == field]
        rows = max(1, min(ROWS, BATCH_BYTES // max([1, *sizes])))
        for batch in file.iter_batches(rows, columns=[field]):
            yield batch.column(0)


def _arrow(plain: Path, path: Path, field: str) -> Iterator[Any]:
    """As `_parquet`."""
    import pyarrow

    with pyarrow.memory_map(str(plain)) as mapped:
        reader = _reader(mapped)
        _check(path, reader.schema, field)
        for batch in reader:
            chosen = batch.select([field])
            chosen.validate(full=True)  # offsets of a damaged file lead outside of its memory
            yield chosen.column(0)


def _reader(mapped: Any) -> Any:
    """The record batches of an arrow file, or of a stream, as the library `datasets` writes it."""
    from pyarrow import ipc

    is_file = mapped.read(6) == b"ARROW1"
    mapped.seek(0)
    if is_file:
        file = ipc.open_file(mapped)
        return ipc.RecordBatchReader.from_batches(
            file.schema, (file.get_batch(index) for index in range(file.num_record_batches))
        )
    return ipc.open_stream(mapped)


def _check(path: Path, schema: Any, field: str) -> None:
    """Raise DataError unless the column exists, once, and holds text."""
    from pyarrow import types

    if schema.names.count(field) != 1:
        known = ", ".join(map(repr, schema.names)) or "none"
        raise DataError(
            f"{path}: has no column {field!r}; its columns: {known}; set format.field to one of them"
        )
    kind = schema.field(field).type
    inner = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner)):
        text = [
            one.name
            for one in schema
            if types.is_string(one.type) or types.is_large_string(one.type)
        ]
        raise DataError(
            f"{path}: column {field!r} must hold text, got {kind}; "
            f"columns with text: {', '.join(map(repr, text)) or 'none'}"
        )
