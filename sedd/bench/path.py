"""One path of a measurement, warmed up: in this process, or in one of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import torch

from sedd.bench.measure import Seconds, held_memory, peak_memory, seconds_of
from sedd.bench.settings import Settings
from sedd.bench.work import prepare


@dataclass(frozen=True)
class Path:
    """run: does the work once. held: bytes that its tensors hold on a GPU, as `held_memory`."""

    run: Callable[[], None]
    device: torch.device
    held: int

    @classmethod
    def warmed_up(cls, settings: Settings, device: torch.device, *, plain: bool) -> Path:
        before = held_memory(device)
        run = functools.partial(prepare(settings, device, plain=plain), settings.steps)
        run()
        return cls(run, device, held_memory(device) - before)

    def seconds(self) -> Seconds:
        """Time of one run."""
        return seconds_of(self.run, self.device)

    def peak(self) -> int | None:
        """Memory of one run, as `peak_memory`."""
        return peak_memory(self.run, self.device)


class ElsewherePath:
    """The plain path on a CPU, in a process where the C library hands out memory as it does by default: the verbs have it keep
    what is freed, see `keep_freed_memory`, which straightforward code does not.
    """

    held = 0

    def __init__(self, process: Executor, settings: Settings, device: torch.device):
        """process: one other, in which nothing else is done."""
        self._process = process
        process.submit(_set_up, settings, device, torch.get_num_threads()).result()

    def seconds(self) -> Seconds:
        return self._process.submit(_seconds).result()

    def peak(self) -> int | None:
        return self._process.submit(_peak).result()


_here: list[Path] = []  # in that process: its path


def _set_up(settings: Settings, device: torch.device, threads: int) -> None:
    torch.set_num_threads(threads)
    _here.append(Path.warmed_up(settings, device, plain=True))


def _seconds() -> Seconds:
    return _here[0].seconds()


def _peak() -> int | None:
    return _here[0].peak()
