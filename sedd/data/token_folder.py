"""A token folder:

`tokens.bin`, one unsigned integer per token, and `meta.json`, which describes them.

`meta.json` is written last, and deleted before the tokens are replaced. A folder with a `meta.json`
is complete. Its tokens are verified when they are opened, see `sedd.data.verified`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sedd.data.verified import verify_tokens
from sedd.errors import DataError

FORMAT = 2
"""Version of the format.

Increase it when the same settings give other tokens, e.g. after a detokenizer change.
"""
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

_OPTIONAL = {"start_id": int}


REMEDY = "to write it again: sedd tokenize --force"


def meta_file(folder: Path) -> Path:
    return folder / "meta.json"


def tokens_file(folder: Path) -> Path:
    return folder / "tokens.bin"


def token_dtype(vocab_size: int) -> np.dtype[Any]:
    """uint16 if it can hold every id, else uint32; little-endian on every machine."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def read_meta(folder: Path) -> dict[str, Any]:
    """Read and check `meta.json`.

    Raises DataError unless the folder holds a complete split in this format.
    """
    remedy = REMEDY
    try:
        meta = json.loads(meta_file(folder).read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{folder}: no complete tokens (meta.json is missing); {remedy}") from error
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise DataError(f"{meta_file(folder)}: {what}; {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{meta_file(folder)}: not valid JSON: {error}; {remedy}") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        version = meta.get("format") if isinstance(meta, dict) else None
        raise DataError(f"{meta_file(folder)}: format must be {FORMAT}, got {version!r}; {remedy}")
    wrong = [
        key
        for key, kind in (_KEYS | {key: _OPTIONAL[key] for key in _OPTIONAL if key in meta}).items()
        if not isinstance(value := meta.get(key, ...), kind)
        or (kind is int and (isinstance(value, bool) or not 0 <= value < 1 << 63))
    ]
    if wrong:
        raise DataError(
            f"{meta_file(folder)}: missing or of the wrong type: {', '.join(wrong)}; {remedy}"
        )
    if meta["dtype"] != token_dtype(meta["vocab_size"]).name:
        raise DataError(
            f"{meta_file(folder)}: dtype {meta['dtype']!r} does not match vocab_size "
            f"{meta['vocab_size']}; {remedy}"
        )
    expected = meta["num_tokens"] * token_dtype(meta["vocab_size"]).itemsize
    size = tokens_file(folder).stat().st_size if tokens_file(folder).is_file() else None
    if size != expected:
        state = "missing" if size is None else f"{size} bytes"
        raise DataError(
            f"{tokens_file(folder)}: {state}, but meta.json lists {meta['num_tokens']} tokens, "
            f"{expected} bytes; {remedy}"
        )
    return meta


def open_tokens(folder: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Memory-map the tokens (num_tokens,) read-only, after they are verified.

    Returns them and the content of `meta.json`. Raises DataError for damaged tokens.
    """
    meta = read_meta(folder)
    dtype = token_dtype(meta["vocab_size"])
    verify_tokens(tokens_file(folder), meta, dtype, REMEDY)
    return np.memmap(tokens_file(folder), dtype=dtype, mode="r"), meta


def token_counts(folder: Path) -> np.ndarray:
    """Number of occurrences of each token in a split, separators included. Returns (V,) int64.

    They were counted when the tokens were written or verified. Raises DataError as `open_tokens`.
    """
    meta = read_meta(folder)
    return verify_tokens(tokens_file(folder), meta, token_dtype(meta["vocab_size"]), REMEDY)
