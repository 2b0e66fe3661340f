"""Time and peak memory of a function call, on a CPU or a GPU."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

CALLS = 5
SLACK = 2**20
"""Bytes by which resident memory may fall during a call whose peak is measured."""


@dataclass(frozen=True)
class Seconds:
    """Duration of one call.

    wall: elapsed time. cpu: CPU time over all threads of this process; other programs disturb it
      less.
    """

    wall: float
    cpu: float


def time_call(call: Callable[[], None], device: torch.device) -> Seconds:
    """Time one call, including the GPU work that it queues."""
    synchronize(device)
    start, start_cpu = time.perf_counter(), time.process_time()
    call()
    synchronize(device)
    return Seconds(time.perf_counter() - start, time.process_time() - start_cpu)


def synchronize(device: torch.device) -> None:
    """Wait for the work queued on a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternate(timed: Mapping[str, Callable[[], Seconds]], repeats: int) -> dict[str, list[Seconds]]:
    """Call each function `repeats` times, alternating in ABBA order, and collect what it returns.

    The order makes a machine that slows down affect all of them equally.
    """
    seconds: dict[str, list[Seconds]] = {name: [] for name in timed}
    for repeat in range(repeats):
        names = list(timed)
        for name in names if repeat % 2 == 0 else reversed(names):
            seconds[name].append(timed[name]())
    return seconds


def allocated_memory(device: torch.device) -> int:
    """Bytes that tensors hold on a GPU; 0 on a CPU, where PyTorch does not count them."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def peak_memory(call: Callable[[], None], device: torch.device) -> int | None:
    """Peak memory of one call, in bytes above the memory used before it.

    GPU: memory of PyTorch's allocator. CPU: resident memory of the process, on Linux. None on other
      systems, where the peak counter cannot be reset. The call is repeated, up to CALLS times, while
      less memory is resident after it than before: the system took pages back meanwhile.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    peak = None
    for _ in range(CALLS):
        trim_freed_memory()
        if not reset_peak():
            break
        before = resident_bytes("VmRSS")
        call()
        peak = max(resident_bytes("VmHWM") - before, 0)
        if resident_bytes("VmRSS") > before - SLACK:
            break
    return peak


def trim_freed_memory() -> None:
    """Return freed memory to the system (glibc).

    Memory reused from the C library's pool would not be counted.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def reset_peak() -> bool:
    """Reset the peak resident size of this process (proc(5), clear_refs).

    Returns False if the system cannot.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident_bytes(field: str) -> int:
    """Read VmRSS (resident size) or VmHWM (its peak) of this process, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {field} in /proc/self/status")
