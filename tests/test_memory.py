"""That freed memory stays: pages that the system has to clear anew are counted by it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

import sedd.cli

BLOCKS, MEBIBYTES = (
    8,
    24,
)  # together more than the library ever keeps by itself, each less than every release can be told to
COUNT = f"""
import resource, sys
import torch
from sedd.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for turn in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = [torch.ones({MEBIBYTES} << 18) for _ in range({BLOCKS})]
    del block
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not GNU's C library")
def test_a_block_that_was_freed_is_not_asked_of_the_system_again():
    told = {name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"}
    environment = {name: value for name, value in os.environ.items() if name not in told}
    fresh = {
        how: int(subprocess.check_output([sys.executable, "-c", COUNT, how], env=environment))
        for how in ("default", "keep")
    }
    pages = BLOCKS * MEBIBYTES // 2  # of 2 MiB, or smaller ones
    assert fresh["default"] >= pages // 2, "the way it is measured sees no fresh pages"
    assert fresh["keep"] < fresh["default"] / 8


def test_every_verb_keeps_freed_memory(monkeypatch, capsys):
    called = []
    monkeypatch.setattr(sedd.cli, "keep_freed_memory", lambda: called.append(True))
    monkeypatch.setattr(sys, "argv", ["sedd", "--help"])
    with pytest.raises(SystemExit):
        sedd.cli.main()
    assert called == [True]
    assert "Usage" in capsys.readouterr().out
