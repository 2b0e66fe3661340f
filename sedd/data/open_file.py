"""Open a source file: its compression and its kind are recognized by its first bytes.

A file of another kind than its reader expects is named, and never taken for text.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sedd.errors import DataError
from sedd.runtime.extras import missing_library

COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
ENDINGS = {".gz": "gzip", ".zst": "zstd"}
TEXT = "text"
_KINDS = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xff\xff\xff\xff": "arrow",  # a stream of record batches, as the library `datasets` writes it
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"%PDF-": "PDF",
    b"SQLite format 3\x00": "SQLite",
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"ORC": "ORC",
    b"Obj\x01": "Avro",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"version https://git-lfs": "a pointer of Git LFS (get the file itself with: git lfs pull)",
    **{bytes((0x80, version)): "pickle" for version in range(2, 6)},
}
MAX_UNPACKED = 1 << 34
"""Bytes of a temporary copy."""
_TAR = 257, b"ustar"
_PEEK = 300


def kind_of(path: Path) -> str:
    """The kind of a file by its first bytes, within its compression: TEXT if none is recognized.

    Raises DataError for an empty file, and for a name that promises another compression. Raises
    OSError and EOFError for a damaged one.
    """
    with _open(path) as file:
        start = file.read(_PEEK)
    if not start:
        raise DataError(f"{path}: is empty; remove it, or get it again")
    place, mark = _TAR
    if start[place:].startswith(mark):
        return "tar"
    return next((kind for first, kind in _KINDS.items() if start.startswith(first)), TEXT)


def open_text(path: Path, newline: str | None = None) -> IO[str]:
    """Open a file of UTF-8 text. A mark of UTF-8 at its start (BOM) is left out.

    newline: as for the built-in `open`. Raises DataError for a file of another kind.
    """
    if (kind := kind_of(path)) != TEXT:
        raise wrong_kind(path, kind, "text")
    return io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline=newline)


def wrong_kind(path: Path, kind: str, expected: str) -> DataError:
    """The error for a file of another kind than its format says."""
    form = {"parquet": "rows", "arrow": "rows", "npy": "ids"}.get(kind)
    remedy = f"set format.type: {form}" if form else "convert it, or correct source.files"
    return DataError(f"{path}: must be {expected}, but by its first bytes is {kind}; {remedy}")


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The file without its compression, for a reader that jumps in it: itself, or a temporary copy.

    Raises DataError if it is larger than MAX_UNPACKED.
    """
    if _compression_of(path) is None:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="sedd-") as copy, _open(path) as file:
        size = 0
        while chunk := file.read(1 << 20):
            size += len(chunk)
            if size > MAX_UNPACKED:
                raise DataError(f"{path}: has more than {MAX_UNPACKED:,} bytes; decompress it")
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


def _compression_of(path: Path) -> str | None:
    """Compression of a file by its first bytes: gzip, zstd or None."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for first, name in COMPRESSIONS.items() if start.startswith(first)), None)


def _open(path: Path) -> Any:
    """The decompressed bytes of a file."""
    compression = _compression_of(path)
    promised = ENDINGS.get(path.suffix)
    if promised and compression != promised and path.stat().st_size:
        raise DataError(f"{path}: is not {promised}, as its name says; rename it, or get it again")
    if compression == "gzip":
        return gzip.open(path)
    if compression == "zstd":
        arrow: Any = library(path)
        return arrow.CompressedInputStream(arrow.OSFile(str(path)), "zstd")
    return path.open("rb")


def library(path: Path) -> Any:
    """The library pyarrow, which reads the file `path`. Raises DataError if it is missing."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise DataError(f"{path}: {missing_library(error)}") from error
    return pyarrow
