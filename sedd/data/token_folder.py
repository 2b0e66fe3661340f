"""A folder of tokens: `tokens.bin`, one unsigned integer a token, and `meta.json`, which says what they are.

`meta.json` is written last and removed before the tokens are replaced, so a folder that has one is whole.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sedd.errors import DataError

FORMAT = 2
"""Raise it when the same settings give other tokens than before, e.g. after a change in a detokeniser."""
_KEYS = {
    "format": int,
    "dataset": str,
    "split": str,
    "tokenizer": str,
    "tokenizer_sha256": str,
    "vocab_size": int,
    "separator_id": int,
    "dtype": str,
    "num_documents": int,
    "num_tokens": int,
    "num_characters": int,
    "source_sha256": str,
    "tokens_sha256": str,
    "detokenizer": (str, type(None)),
    "licence": str,
    "settings_sha256": str,
}


def meta_file(folder: Path) -> Path:
    return folder / "meta.json"


def tokens_file(folder: Path) -> Path:
    return folder / "tokens.bin"


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """The smallest of uint16 and uint32 that holds every id; little-endian on every machine."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def read_meta(folder: Path) -> dict[str, Any]:
    """The checked content of `meta.json`; DataError unless the folder holds a whole split of this format."""
    way_out = "write it again with `sedd tokenize`"
    try:
        meta = json.loads(meta_file(folder).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{folder}: holds no finished tokens (no meta.json); {way_out}") from error
    except ValueError as error:
        raise DataError(f"{meta_file(folder)}: not valid JSON: {error}; {way_out}") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
        raise DataError(f"{meta_file(folder)}: format is {found!r}, not {FORMAT}; {way_out}")
    wrong = [key for key, kind in _KEYS.items() if not isinstance(meta.get(key, ...), kind)]
    if wrong:
        raise DataError(
            f"{meta_file(folder)}: missing or of a wrong type: {', '.join(wrong)}; {way_out}"
        )
    if meta["dtype"] != token_dtype(meta["vocab_size"]).name:
        raise DataError(
            f"{meta_file(folder)}: dtype {meta['dtype']!r} does not fit vocab_size {meta['vocab_size']}; {way_out}"
        )
    expected = meta["num_tokens"] * token_dtype(meta["vocab_size"]).itemsize
    found = tokens_file(folder).stat().st_size if tokens_file(folder).is_file() else None
    if found != expected:
        size = "missing" if found is None else f"{found} bytes"
        raise DataError(
            f"{tokens_file(folder)}: is {size}, but meta.json tells of {meta['num_tokens']} tokens, "
            f"{expected} bytes; {way_out}"
        )
    return meta


def open_tokens(folder: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Memory-mapped tokens (num_tokens,), read-only, and their meta."""
    meta = read_meta(folder)
    dtype = token_dtype(meta["vocab_size"])
    return np.memmap(tokens_file(folder), dtype=dtype, mode="r"), meta
