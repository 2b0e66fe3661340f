"""How the C library hands out memory."""

from __future__ import annotations

import ctypes

# of mallopt(3)
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 2**30, 2**25  # bytes; GNU's library before 2.35 takes no more than the second


def keep_freed_memory() -> None:
    """Let the C library keep blocks that are freed, instead of asking the system for them anew.

    By default GNU's gives large ones back at once, and the next tensor of the size waits while the system clears its pages,
    which can cost a CPU as much as the arithmetic on them. What is kept up to `LARGEST_KEPT` is given back when the process
    ends; releases before 2.38 may keep a few blocks of a size before they use one again. This is so for the main thread,
    where PyTorch makes its tensors; nothing happens with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and any(mallopt(MMAP_THRESHOLD, size) for size in LARGEST_KEPT):
        mallopt(TRIM_THRESHOLD, -1)  # never
