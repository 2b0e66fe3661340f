"""Time and memory measurement of `sedd bench`."""

from __future__ import annotations

import functools
import mmap
import os

import pytest
import torch

from sedd.bench import BenchOptions
from sedd.bench.measure import Seconds, alternate, peak_memory, reset_peak
from sedd.bench.measured_path import RemotePath

CPU = torch.device("cpu")
TINY = {"vocab": 50, "length": 16, "batch": 2, "steps": 2, "repeats": 1, "device": "cpu"}


@pytest.mark.usefixtures("project")
def test_the_remote_path_runs_in_a_separate_process_that_ends_when_it_is_deleted():
    path = RemotePath(BenchOptions("perplexity", **TINY), CPU)
    process = path.process
    assert process.pid != os.getpid()
    assert path.seconds().wall > 0
    assert process.is_alive()
    del path
    process.join(30)
    assert process.exitcode == 0


def test_alternate_calls_in_abba_order():
    order = []

    def call(name: str) -> Seconds:
        order.append(name)
        return Seconds(len(order), 0.0)

    seconds = alternate({name: functools.partial(call, name) for name in "ab"}, 3)
    assert "".join(order) == "abbaab"
    assert [one.wall for one in seconds["a"]] == [1, 4, 5]
    assert [one.wall for one in seconds["b"]] == [2, 3, 6]


def use(mebibytes: int) -> None:
    torch.ones(mebibytes * 2**18, dtype=torch.float32).sum()


@pytest.mark.skipif(not reset_peak(), reason="the system cannot reset the peak")
def test_peak_memory_counts_one_call_without_earlier_ones():
    use(96)
    peaks = [peak_memory(lambda size=size: use(size), CPU) for size in (64, 16)]
    # the interpreter itself allocates and frees a few MiB
    assert [round(peak / 2**20) for peak in peaks] == pytest.approx([64, 16], abs=6)


@pytest.mark.skipif(not reset_peak(), reason="the system cannot reset the peak")
def test_peak_memory_is_measured_again_when_the_system_took_pages_back():
    resident = mmap.mmap(-1, 32 * 2**20)
    resident.write(b"1" * len(resident))

    def call() -> None:
        resident.close()
        use(16)

    assert round((peak_memory(call, CPU) or 0) / 2**20) == pytest.approx(16, abs=6)


@pytest.mark.usefixtures("project")
def test_a_killed_process_is_reported_with_its_exit_code():
    path = RemotePath(BenchOptions("perplexity", **TINY), CPU)
    path.process.kill()
    path.process.join(30)
    with pytest.raises(RuntimeError, match="exit code -9"):
        path.seconds()
