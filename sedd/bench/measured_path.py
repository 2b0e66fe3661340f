"""The fast or the plain path of a benchmark, warmed up: in this process, or in a separate one."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from sedd.bench.measure import Seconds, allocated_memory, peak_memory, time_call
from sedd.bench.options import BenchOptions
from sedd.bench.work import prepare


@dataclass(frozen=True)
class LocalPath:
    """A path in this process.

    run: one timed run. held: bytes on the GPU that its tensors hold between runs; 0 on a CPU.
    """

    run: Callable[[], None]
    device: torch.device
    held: int

    @classmethod
    def warmed_up(cls, options: BenchOptions, device: torch.device, *, plain: bool) -> LocalPath:
        """Build the path and run it once."""
        before = allocated_memory(device)
        run = functools.partial(prepare(options, device, plain=plain), options.steps)
        run()
        return cls(run, device, allocated_memory(device) - before)

    def seconds(self) -> Seconds:
        """Time one run."""
        return time_call(self.run, self.device)

    def peak(self) -> int | None:
        """Measure the memory of one run; see `peak_memory`."""
        return peak_memory(self.run, self.device)


class RemotePath:
    """The plain path on a CPU, in a separate process with the C library's default allocation.

    The verbs make the C library keep freed memory (`keep_freed_memory`); plain code would not do
    so. The process ends when this object is deleted, or when the parent process ends.
    """

    held = 0

    def __init__(self, options: BenchOptions, device: torch.device):
        spawn = multiprocessing.get_context("spawn")
        self._connection, child_connection = spawn.Pipe()
        arguments = child_connection, options, device, torch.get_num_threads()
        self.process = spawn.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        child_connection.close()  # so that recv() raises EOFError when the child ends
        self._receive()

    def seconds(self) -> Seconds:
        """Time one run."""
        return self._request("seconds")

    def peak(self) -> int | None:
        """Measure the memory of one run; see `peak_memory`."""
        return self._request("peak")

    def _request(self, quantity: Literal["seconds", "peak"]) -> Any:
        try:
            self._connection.send(quantity)
        except ConnectionError:
            raise self._ended() from None
        return self._receive()

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, ConnectionError):
            raise self._ended() from None

    def _ended(self) -> RuntimeError:
        self.process.join()
        return RuntimeError(
            f"the plain path's process ended with exit code {self.process.exitcode}"
        )


def _serve(
    connection: Connection, options: BenchOptions, device: torch.device, num_threads: int
) -> None:
    """Measure the plain path on each request, until the parent closes the connection."""
    torch.set_num_threads(num_threads)
    path = LocalPath.warmed_up(options, device, plain=True)
    connection.send("ready")
    try:
        while True:
            connection.send(path.seconds() if connection.recv() == "seconds" else path.peak())
    except EOFError:
        return
