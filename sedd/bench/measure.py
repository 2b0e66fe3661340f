"""Time and memory of a function, on a CPU or a GPU."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was asked: a GPU answers before it has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Seconds:
    """How long one call took.

    cpu: what the threads of this process used of the CPUs, which says more where others use them too.
    """

    wall: float
    cpu: float


def seconds_of(work: Callable[[], None], device: torch.device) -> Seconds:
    """Time of one call."""
    synchronise(device)
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    synchronise(device)
    return Seconds(time.perf_counter() - start, time.process_time() - start_cpu)


def in_turn(works: Mapping[str, Callable[[], Seconds]], repeats: int) -> dict[str, list[Seconds]]:
    """What each call of each work says that it took.

    They take turns, in changing order (ABBA), so that a machine that grows slower does so for all of them alike.
    """
    seconds: dict[str, list[Seconds]] = {name: [] for name in works}
    for repeat in range(repeats):
        names = list(works)
        for name in names if repeat % 2 == 0 else reversed(names):
            seconds[name].append(works[name]())
    return seconds


def held_memory(device: torch.device) -> int:
    """Bytes that tensors hold on a GPU; 0 on a CPU, where nobody counts them."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def peak_memory(work: Callable[[], None], device: torch.device) -> int | None:
    """Bytes by which the memory in use rises, at its highest, during one call above what was in use before it.

    GPU: of PyTorch's allocator. CPU: of the process, as Linux counts its resident pages; None elsewhere, where the
    highest count cannot be begun anew.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    return_free_pages()
    if not restart_peak():
        return None
    before = resident("VmRSS")
    work()
    return max(resident("VmHWM") - before, 0)


def return_free_pages() -> None:
    """Give freed memory back, where the C library keeps it: otherwise it would be used again and not be counted."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def restart_peak() -> bool:
    """Set the process's highest resident size to its present one (proc(5), clear_refs); False where that cannot be."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident(field: str) -> int:
    """Bytes of VmRSS, the process's resident size, or of VmHWM, the highest so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"Linux tells {field} of every process")
