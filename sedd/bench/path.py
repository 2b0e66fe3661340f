"""One path of a measurement, warmed up: in this process, or in one of its own."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal

import torch

from sedd.bench.measure import Seconds, held_memory, peak_memory, seconds_of
from sedd.bench.options import Settings
from sedd.bench.work import prepare


@dataclass(frozen=True)
class MeasuredPath:
    """run: does the work once. held: bytes that its tensors hold on a GPU, as `held_memory`."""

    run: Callable[[], None]
    device: torch.device
    held: int

    @classmethod
    def warmed_up(cls, settings: Settings, device: torch.device, *, plain: bool) -> MeasuredPath:
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


class MeasuredElsewhere:
    """The plain path on a CPU, in a process where the C library hands out memory as it does by default: the verbs have it keep
    what is freed, see `keep_freed_memory`, which straightforward code does not.

    The process ends when this object is gone, or the one that made it.
    """

    held = 0

    def __init__(self, settings: Settings, device: torch.device):
        spawn = multiprocessing.get_context("spawn")
        self._asked, theirs = spawn.Pipe()
        arguments = theirs, settings, device, torch.get_num_threads()
        self.process = spawn.Process(target=_answer, args=arguments, daemon=True)
        self.process.start()
        theirs.close()  # so that the end of that process is seen here
        self._answer()

    def seconds(self) -> Seconds:
        return self._answer("seconds")

    def peak(self) -> int | None:
        return self._answer("peak")

    def _answer(self, question: Literal["seconds", "peak"] | None = None):
        """To a question, or without one to being started. Raises RuntimeError if that process has ended."""
        try:
            if question is not None:
                self._asked.send(question)
            return self._asked.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode
            raise RuntimeError(f"the plain path's process has ended, exit code {code}") from None


def _answer(asked: Connection, settings: Settings, device: torch.device, threads: int) -> None:
    """Measure the plain path as often as asked, until nobody can ask any more."""
    torch.set_num_threads(threads)
    path = MeasuredPath.warmed_up(settings, device, plain=True)
    asked.send("ready")
    try:
        while True:
            asked.send(path.seconds() if asked.recv() == "seconds" else path.peak())
    except EOFError:
        return
