"""Memory management of the C library."""

from __future__ import annotations

import ctypes

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
