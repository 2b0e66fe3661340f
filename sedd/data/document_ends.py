"""Where the documents of a split end: found once, and kept beside its tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sedd.runtime.atomic import no_follow, replacing

CHUNK_TOKENS = 1 << 24


def ends_file(folder: Path, meta: Mapping[str, Any]) -> Path:
    """File of the ends. Its name has the hash of the tokens, so that other tokens have another."""
    return folder / f".tokens.{meta['tokens_sha256'][:16]}.ends.npy"


def document_ends(folder: Path, tokens: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
    """Position of the separator after each document, (num_documents,) int64, in increasing order.

    The first call reads all tokens (num_tokens,); later ones map the file that it wrote. In a
    read-only folder, each call reads the tokens.
    """
    path = ends_file(folder, meta)
    # no file, or a damaged one
    with contextlib.suppress(OSError, ValueError, EOFError, SyntaxError):
        ends = np.load(path, mmap_mode="r", allow_pickle=False)
        is_whole = (ends.dtype, ends.shape) == (np.int64, (meta["num_documents"],))
        if is_whole and ends[-1:].tolist() == [len(tokens) - 1]:
            return ends
    separator = meta["separator_id"]
    ends = np.concatenate(
        [
            start + np.flatnonzero(tokens[start : start + CHUNK_TOKENS] == separator)
            for start in range(0, len(tokens), CHUNK_TOKENS)
        ]
    )
    with contextlib.suppress(OSError):
        for older in folder.glob(".tokens.*.ends.npy"):
            older.unlink()
        with replacing(path) as temporary, open(temporary, "wb", opener=no_follow) as file:
            np.save(file, ends)
    return ends
