"""Measure the order of an epoch, and reading a batch, as a split grows; print Markdown tables.

Example: python results/benchmarks/measure_growth.py reading

order:   CPU time and memory of the blocks of a batch, from a table and position by position, of
         up to 100 million blocks. Takes 1 GiB of memory.
reading: CPU time per token of drawing and reading a batch, and the bytes that come into memory for
         each block, from 1 MB to 100 GB. The files have holes: they take no disk. Their pages are
         filled with zeros in memory, so waiting for a disk is not measured.

Times are CPU times, so other programs lengthen them less than they lengthen the wait.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import mmap
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sedd.data import dataset
from sedd.data.dataset import TokenBlocks, shuffled_indices
from sedd.data.token_folder import FORMAT, open_tokens, tokens_file
from sedd.data.verified import record_verified
from sedd.runtime.atomic import write_json
from sedd.runtime.markdown import markdown_table

BATCH, LENGTH, REPEATS = 512, 1024, 201
BLOCKS = (10**6, 9 * 10**6, 10**8)
SIZES = (10**6, 10**7, 10**8, 10**9, 10**10, 10**11)


def seconds(call: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def order(num_blocks: int, table: bool) -> list[str]:
    """One row: first batch of an epoch, later batches, and peak memory of both."""
    dataset.TABLE_BLOCKS = num_blocks if table else 0
    firsts, peaks = [], []
    for epoch in range(3):
        dataset._epoch_table.cache_clear()
        at = epoch * num_blocks
        tracemalloc.start()
        shuffled_indices(num_blocks, 1, at, BATCH)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        dataset._epoch_table.cache_clear()
        firsts.append(seconds(functools.partial(shuffled_indices, num_blocks, 1, at, BATCH)))
    later = [
        seconds(
            functools.partial(shuffled_indices, num_blocks, 1, at + (i + 1) * BATCH % 4096, BATCH)
        )
        for i in range(REPEATS)
    ]
    return [
        f"{num_blocks:,}",
        "table" if table else "position by position",
        f"{1e3 * statistics.median(firsts):,.2f} ms",
        f"{1e3 * statistics.median(later):,.3f} ms",
        f"{min(peaks) / 2**20:,.2f} MiB",
    ]


def folder_of(size: int, folder: Path) -> Path:
    """A token folder of `size` bytes that takes no space: a file with a hole. All tokens are 0."""
    folder.mkdir()
    tokens = tokens_file(folder)
    with tokens.open("wb") as file:
        file.truncate(size)
    texts = ("dataset", "split", "tokenizer", "tokenizer_sha256", "source_sha256", "licence")
    meta = {
        **dict.fromkeys((*texts, "tokens_sha256", "settings_sha256", "detokenizer"), ""),
        **{"format": FORMAT, "dtype": "uint16", "vocab_size": 50_257, "separator_id": 0},
        **{"num_tokens": size // 2, "num_documents": 1, "num_characters": size},
    }
    write_json(folder / "meta.json", meta)
    counts = np.bincount([0], [size // 2], minlength=meta["vocab_size"]).astype(np.int64)
    record_verified(tokens, meta, counts)  # the hash of 100 GB would be read first
    return folder


def resident_bytes(mapped: np.ndarray) -> int:
    """Bytes of a memory-mapped file that are in memory."""
    address, size = mapped.ctypes.data, mapped.nbytes
    pages = np.empty(-(-size // mmap.PAGESIZE), dtype=np.uint8)
    arguments = (
        ctypes.c_void_p(address),
        ctypes.c_size_t(size),
        ctypes.c_void_p(pages.ctypes.data),
    )
    if ctypes.CDLL(None, use_errno=True).mincore(*arguments):
        raise OSError(ctypes.get_errno(), "mincore")
    return int((pages & 1).sum()) * mmap.PAGESIZE


def reading(size: int) -> list[str]:
    """One row: CPU time per token of drawing a batch, order included, and bytes read per block."""
    with tempfile.TemporaryDirectory() as parent:
        folder = folder_of(size, Path(parent, "split"))
        opening = seconds(lambda: TokenBlocks(folder, LENGTH))
        blocks = TokenBlocks(folder, LENGTH)

        def read(step: int) -> None:
            blocks[shuffled_indices(len(blocks), 1, step * BATCH, BATCH)]

        first = seconds(lambda: read(0))
        later = [seconds(functools.partial(read, step)) for step in range(1, REPEATS)]
        num_read = min(REPEATS * BATCH, len(blocks))
        read_bytes = resident_bytes(open_tokens(folder)[0]) / num_read
    nanoseconds = [1e9 * one / (BATCH * LENGTH) for one in later]
    return [
        f"{size / 1e9:,.3f} GB",
        f"{len(blocks):,}",
        f"{1e3 * opening:,.1f} ms",
        f"{1e3 * first:,.1f} ms",
        f"{statistics.median(nanoseconds):.2f} ns",
        f"{np.quantile(nanoseconds, 0.95):.2f} ns",
        f"{read_bytes:,.0f} bytes",
    ]


def print_order() -> None:
    default = dataset.TABLE_BLOCKS
    rows = [order(count, table) for count in BLOCKS for table in (True, False)]
    dataset.TABLE_BLOCKS = default
    headings = ("blocks", "order", "first batch of an epoch", "later batch", "peak memory")
    print(markdown_table(headings, rows, ["right", "left", "right", "right", "right"]))


def print_reading() -> None:
    headings = ("tokens.bin", "blocks", "opening", "first batch", "per token", "95 % below", "read")
    print(markdown_table(headings, [reading(size) for size in SIZES], ["right"] * 7))


TABLES = {"order": print_order, "reading": print_reading}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=TABLES, nargs="?", help="one of them; without it, both")
    chosen = parser.parse_args().table
    for name in TABLES if chosen is None else [chosen]:
        TABLES[name]()
        print()
