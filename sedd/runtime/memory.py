"""Memory: how much there is, what an error says that lacked it, and the settings of the C library."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# torch on a CPU, torch on a GPU, numpy
ALLOCATION = re.compile(
    r"can't allocate memory: you tried to allocate (?P<bytes>\d+) bytes"
    r"|(?:Tried|Unable) to allocate (?P<size>[\d.]+ [KMGTPE]?i?B|[\d.]+ bytes)"
)
# sizes whose product does not fit 64 bits
OVERFLOW = ("Storage size calculation overflowed", "numel: integer multiplication overflow")

# parameters of mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MMAP_THRESHOLDS = 2**30, 2**25  # bytes, tried in order; glibc before 2.35 accepts only the second


def keep_freed_memory() -> None:
    """Make the C library keep freed blocks for reuse, instead of returning them to the system.

    By default, glibc returns large blocks at once. The next tensor of that size then waits while
    the system zeroes its pages, which on a CPU can cost as much as the arithmetic. Blocks up to
    `MMAP_THRESHOLDS` are now kept until the process exits. glibc before 2.38 may hold a few blocks
    of one size before it reuses one. The setting affects the main thread, where PyTorch allocates
    tensors. With another C library this function does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, size) for size in MMAP_THRESHOLDS):
        mallopt(M_TRIM_THRESHOLD, -1)  # never return memory


def total_memory(device: torch.device) -> int:
    """Bytes of memory of a GPU or of this machine, at most what the control group allows."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_properties(device).total_memory
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_control_group_limits()])


def _control_group_limits() -> list[int]:
    """Limits of this process's control group (version 2) and of those above it, as Slurm sets them."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    limits = []
    for own in (line.removeprefix("0::/") for line in lines if line.startswith("0::/")):
        folder = Path("/sys/fs/cgroup", own)
        for group in (folder, *folder.parents):
            try:
                limits.append(int((group / "memory.max").read_text()))
            except (OSError, ValueError):  # no such file, or `max`
                continue
    return limits


def out_of_memory(error: BaseException) -> str | None:
    """A line for an error that lacked memory; None for another error."""
    text = str(error)
    found = ALLOCATION.search(text)
    is_overflow = any(words in text for words in OVERFLOW)
    is_memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if not (found or is_overflow or is_memory):
        return None
    needed = ""
    if found:
        needed = (
            f": {gibibytes(int(found['bytes'])) if found['bytes'] else found['size']} more needed"
        )
    elif is_overflow:
        needed = ": more than 2^63 bytes needed"
    return (
        f"not enough memory{needed}. Use smaller batches (batch_size, --batch-size), shorter texts, a "
        "smaller model, or more gradient accumulation (training.accum)"
    )


def gibibytes(count: int) -> str:
    """Bytes in GiB."""
    return f"{count / 2**30:,.1f} GiB"
