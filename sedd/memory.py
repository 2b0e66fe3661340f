"""How the C library hands out memory."""

from __future__ import annotations

import ctypes

# of mallopt(3)
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 2**30  # bytes


def keep_freed_memory() -> None:
    """Let the C library keep what tensors on the CPU gave back, instead of asking the system for it anew.

    By default GNU's gives large blocks back at once, and the next tensor of the size waits while the system clears its pages,
    which can cost as much as the arithmetic on them. The process then holds the most it ever used until it ends. Nothing
    happens with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, -1)  # never
        mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
