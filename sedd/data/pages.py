"""Read parts of a memory-mapped file from the disk: only what is asked for, and all of it at once.

By default, the system reads up to several megabytes around a place that is not in memory, and each
place after the one before: far more than the blocks of a batch, which lie anywhere in a large file.
"""

from __future__ import annotations

import contextlib
import mmap

import numpy as np


def expect_random_reads(mapped: np.ndarray) -> None:
    """Read no more of the file than the pages that are used. mapped: of `np.memmap`."""
    _file_of(mapped).madvise(mmap.MADV_RANDOM)


def start_reading(mapped: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
    """Start to read entries starts[i] .. ends[i] - 1 (n,) for every i, without waiting for them."""
    file, size = _file_of(mapped), mapped.itemsize
    with contextlib.suppress(OSError):  # an advice; reading itself reports what is wrong
        for start, end in zip((starts * size).tolist(), (ends * size).tolist(), strict=True):
            page = start - start % mmap.PAGESIZE
            file.madvise(mmap.MADV_WILLNEED, page, end - page)


def _file_of(mapped: np.ndarray) -> mmap.mmap:
    assert isinstance(mapped.base, mmap.mmap)
    return mapped.base
