"""Documents of token ids, spelled as text: `12 7 3`, which a tokenizer of ids reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sedd.data.open_file import unpacked
from sedd.errors import DataError

MAX_IDS = 1 << 26
"""Of a document."""


def array_documents(path: Path) -> Iterator[str]:
    """Yield the documents of an `.npy` file of integers: each row, or all of an array of one
    dimension.

    The array stays on disk. Raises DataError for any other array, and for negative or too many ids.
    """
    with unpacked(path) as plain:
        try:
            array = np.load(plain, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, SyntaxError) as error:
            raise DataError(f"{path}: not an array of numbers: {error}") from error
        if array.ndim not in (1, 2) or array.dtype.kind not in "iu":
            raise DataError(
                f"{path}: must be an array of integers with one or two dimensions, got "
                f"{array.dtype} with shape {array.shape}"
            )
        for number, row in enumerate(array if array.ndim == 2 else array[None]):
            where = f"{path}, row {number}"
            _bound(len(row), where)
            if len(row) and row.min() < 0:
                raise DataError(f"{where}: ids must be whole numbers from 0, got {row.min()}")
            yield _spelled(row.tolist())


def spelled(ids: Any, where: str) -> str:
    """A list of ids as text. Raises DataError for anything else."""
    if not isinstance(ids, list):
        remedy = "set format.field to the key of the ids"
        raise DataError(f"{where}: must be a list of ids, got {type(ids).__name__}; {remedy}")
    _bound(len(ids), where)
    for one in ids:
        if not isinstance(one, int) or isinstance(one, bool) or one < 0:
            raise DataError(f"{where}: ids must be whole numbers from 0, got {repr(one)[:60]}")
    return _spelled(ids)


def _spelled(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def _bound(count: int, where: str) -> None:
    if count > MAX_IDS:
        raise DataError(
            f"{where}: has {count:,} ids, at most {MAX_IDS:,} are allowed; save one document per row"
        )
