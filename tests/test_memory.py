"""That freed memory stays: pages that the system has to clear anew are counted by it."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

MEBIBYTES = 64
COUNT = f"""
import ctypes, resource, sys
from sedd.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.memset.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
library.free.argtypes = (ctypes.c_void_p,)
for turn in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = library.malloc({MEBIBYTES} << 20)
    library.memset(block, 1, {MEBIBYTES} << 20)
    library.free(block)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not GNU's C library")
def test_a_block_that_was_freed_is_not_asked_of_the_system_again():
    fresh = {
        how: int(subprocess.check_output([sys.executable, "-c", COUNT, how]))
        for how in ("default", "keep")
    }
    assert fresh["default"] >= MEBIBYTES // 4, (
        "the way it is measured sees no fresh pages"
    )  # of 2 MiB, or smaller
    assert fresh["keep"] == 0
