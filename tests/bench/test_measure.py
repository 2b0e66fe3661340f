"""How `sedd bench` measures time and memory, whatever the work."""

from __future__ import annotations

import functools
import os

import pytest
import torch

from sedd.bench import Settings
from sedd.bench.measure import Seconds, in_turn, peak_memory, restart_peak
from sedd.bench.path import MeasuredElsewhere

CPU = torch.device("cpu")
TINY = {"vocab": 50, "length": 16, "batch": 2, "steps": 2, "repeats": 1, "device": "cpu"}


@pytest.mark.usefixtures("project")
def test_the_plain_path_on_a_cpu_has_a_process_of_its_own_that_ends_with_it():
    path = MeasuredElsewhere(Settings("perplexity", **TINY), CPU)
    process = path.process
    assert process.pid != os.getpid()
    assert path.seconds().wall > 0
    assert process.is_alive()
    del path
    process.join(30)
    assert process.exitcode == 0


def test_pairs_take_turns_in_changing_order():
    order = []

    def take(name: str) -> Seconds:
        order.append(name)
        return Seconds(len(order), 0.0)

    seconds = in_turn({name: functools.partial(take, name) for name in "ab"}, 3)
    assert "".join(order) == "abbaab"
    assert [one.wall for one in seconds["a"]] == [1, 4, 5]
    assert [one.wall for one in seconds["b"]] == [2, 3, 6]


@pytest.mark.skipif(not restart_peak(), reason="the system does not count the peak anew")
def test_peak_memory_is_that_of_the_call_and_not_of_what_came_before():
    def use(mebibytes: int) -> None:
        torch.ones(mebibytes * 2**18, dtype=torch.float32).sum()

    use(96)
    found = [peak_memory(lambda size=size: use(size), CPU) for size in (64, 16)]
    # pages of the interpreter come and go: a few MiB
    assert [round(peak / 2**20) for peak in found] == pytest.approx([64, 16], abs=6)


@pytest.mark.usefixtures("project")
def test_a_plain_path_whose_process_was_killed_says_so():
    path = MeasuredElsewhere(Settings("perplexity", **TINY), CPU)
    path.process.kill()
    path.process.join(30)
    with pytest.raises(RuntimeError, match="exit code -9"):
        path.seconds()
