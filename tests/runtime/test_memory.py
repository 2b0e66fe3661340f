"""That freed memory stays: pages that the system has to clear anew are counted by it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch

import sedd.cli
import sedd.launch.job
import sedd.train
from sedd.config import load_experiment
from sedd.launch.job import TrainJob

MEBIBYTES = 40  # above 32, which the library never keeps by itself; before 2.35 it cannot be told to keep more either
COUNT = f"""
import resource, sys
import torch
from sedd.runtime.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for turn in range(16):  # a few blocks are kept before one fits again, in releases before 2.38
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = torch.ones({MEBIBYTES} << 18)
    del block
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


def is_new_enough() -> bool:
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(map(int, version.split("."))) >= (2, 35)


@pytest.mark.skipif(not is_new_enough(), reason="not GNU's C library, or before 2.35")
def test_a_block_that_was_freed_is_not_asked_of_the_system_again():
    told = {name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"}
    environment = {name: value for name, value in os.environ.items() if name not in told}
    fresh = {
        how: int(subprocess.check_output([sys.executable, "-c", COUNT, how], env=environment))
        for how in ("default", "keep")
    }
    pages = MEBIBYTES // 2  # of 2 MiB, or smaller ones
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


def test_every_job_keeps_freed_memory(project, monkeypatch):
    done = []
    monkeypatch.setattr(sedd.launch.job, "keep_freed_memory", lambda: done.append("kept"))
    monkeypatch.setattr(sedd.train, "train", lambda *_: done.append("trained"))
    settings = project / "settings.json"
    settings.write_text(load_experiment("smoke_absorb").model_dump_json())
    threads = torch.get_num_threads()
    TrainJob(str(project), "run", str(settings), threads, "cpu", None)._train(None)
    assert done == ["kept", "trained"]
