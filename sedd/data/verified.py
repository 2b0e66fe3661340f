"""Verification of tokens: their hash, their range and how often each occurs, once for each state of
the file.

Every reader of a token folder asks `verify_tokens`. The size and the time of the file that was
verified are recorded beside it, with the counts, so that a large file is read once, and again after
it was changed. V vocabulary size.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sedd.errors import DataError
from sedd.runtime.atomic import write_text
from sedd.runtime.json_text import json_text, object_or_empty
from sedd.runtime.progress import progress

CHUNK_BYTES = 1 << 24  # bincount takes four times as much
SHOWN_BYTES = 1 << 28  # a smaller file takes less than a second


def record_file(tokens: Path) -> Path:
    return tokens.with_name(f".{tokens.stem}.verified.json")


def verify_tokens(
    tokens: Path, meta: Mapping[str, Any], dtype: np.dtype[Any], remedy: str
) -> np.ndarray:
    """Number of occurrences of each token, (V,) int64, in a file with the hash of `meta`.

    dtype: of an id. remedy: ends the message. Raises DataError for another hash, and for an id that
    is not of the vocabulary.
    """
    state = _state(tokens, meta)
    if (recorded := _recorded_counts(tokens, meta, state)) is not None:
        return recorded
    size, vocab_size, digest, largest = state["size"], meta["vocab_size"], hashlib.sha256(), 0
    counts = np.zeros(vocab_size, dtype=np.int64)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(tokens.open("rb"))
        shown = size >= SHOWN_BYTES
        bar = stack.enter_context(progress(f"verify {tokens}", size, "byte")) if shown else None
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            ids = np.frombuffer(chunk, dtype)
            largest = max(largest, int(ids.max()))
            if largest < vocab_size:
                counts += np.bincount(ids, minlength=vocab_size)
            if bar is not None:
                bar.update(len(chunk))
    if digest.hexdigest() != meta["tokens_sha256"]:
        raise DataError(
            f"{tokens}: damaged, or belongs to another meta.json: its SHA-256 is "
            f"{digest.hexdigest()[:12]}..., but meta.json records {meta['tokens_sha256'][:12]}...; "
            f"{remedy}"
        )
    if largest >= vocab_size:
        raise DataError(
            f"{tokens}: holds the id {largest}, but meta.json says that the vocabulary has "
            f"{vocab_size}; {remedy}"
        )
    record_verified(tokens, meta, counts)
    return counts


def record_verified(tokens: Path, meta: Mapping[str, Any], counts: np.ndarray) -> None:
    """Record that the file is verified as it is now, and how often each token occurs.

    A file in a read-only folder is verified every time.
    """
    content = {**_state(tokens, meta), "counts": counts.tolist()}
    with contextlib.suppress(OSError):
        write_text(record_file(tokens), json_text(content) + "\n")


def _state(tokens: Path, meta: Mapping[str, Any]) -> dict[str, Any]:
    stat = tokens.stat()
    keys = ("tokens_sha256", "vocab_size")
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, **{key: meta[key] for key in keys}}


def _recorded_counts(
    tokens: Path, meta: Mapping[str, Any], state: Mapping[str, Any]
) -> np.ndarray | None:
    """The counts that were recorded when the file was verified as it is now.

    Counts that cannot be those of the file are reported, and not used.
    """
    try:
        record = object_or_empty(record_file(tokens).read_bytes())
    except OSError:
        return None
    found = record.pop("counts", None)
    if record != state or found is None:  # earlier versions recorded no counts
        return None
    size, total = meta["vocab_size"], meta["num_tokens"]
    if not isinstance(found, list) or not all(type(one) is int and one >= 0 for one in found):
        what = "are not whole numbers"
    elif len(found) != size:
        what = f"are of {len(found)} tokens, but the vocabulary has {size}"
    elif sum(found) != total:
        what = f"sum to {sum(found)}, but the file has {total} tokens"
    else:
        return np.array(found, dtype=np.int64)
    print(f"{record_file(tokens)}: damaged: its counts {what}; counting again", file=sys.stderr)
    return None
