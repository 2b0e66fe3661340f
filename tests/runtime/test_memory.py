"""Freed memory is kept for reuse: the system counts page faults for newly zeroed pages."""

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

MEBIBYTES = 40  # blocks above 32 MiB are never kept by default, nor at all before glibc 2.35
COUNT = f"""
import resource, sys
import torch
from sedd.runtime.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for turn in range(16):  # glibc before 2.38 holds a few blocks before it reuses one
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = torch.ones({MEBIBYTES} << 18)
    del block
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults)
"""


def is_new_enough() -> bool:
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(map(int, version.split("."))) >= (2, 35)


@pytest.mark.skipif(not is_new_enough(), reason="needs glibc 2.35 or newer")
def test_a_freed_block_is_reused_without_new_pages_from_the_system():
    settings = {
        name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"
    }
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", COUNT, how], env=environment))
        for how in ("default", "keep")
    }
    pages = MEBIBYTES // 2  # at least, with huge pages of 2 MiB
    assert faults["default"] >= pages // 2, "the measurement does not see new pages"
    assert faults["keep"] < faults["default"] / 8


def test_every_verb_keeps_freed_memory(monkeypatch, capsys):
    called = []
    monkeypatch.setattr(sedd.cli, "keep_freed_memory", lambda: called.append(True))
    monkeypatch.setattr(sys, "argv", ["sedd", "--help"])
    with pytest.raises(SystemExit):
        sedd.cli.main()
    assert called == [True]
    assert "Usage" in capsys.readouterr().out


def test_every_job_keeps_freed_memory(project, monkeypatch):
    calls = []
    monkeypatch.setattr(sedd.launch.job, "keep_freed_memory", lambda: calls.append("kept"))
    monkeypatch.setattr(sedd.train, "train", lambda *_: calls.append("trained"))
    settings = project / "settings.json"
    settings.write_text(load_experiment("smoke_absorb").model_dump_json())
    threads = torch.get_num_threads()
    TrainJob(str(project), "run", str(settings), threads, 0, None)._train(None)
    assert calls == ["kept", "trained"]
