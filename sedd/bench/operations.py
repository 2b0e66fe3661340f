"""Where the time of one run goes: PyTorch's profile of it, as a short list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from sedd.bench.measure import synchronize


def longest_operations(
    call: Callable[[], None], device: torch.device, count: int = 20
) -> list[dict[str, Any]]:
    """The operations of one call that take the longest in themselves: kernels on a GPU.

    Returns at most `count` rows, the longest first: name, calls, milliseconds, and share of the
    time of all. The profiler slows a run down, so that shares say more than times.
    """
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiled:
        call()
        synchronize(device)
    wanted = DeviceType.CUDA if on_gpu else DeviceType.CPU
    spent = {
        event.key: (event.self_device_time_total if on_gpu else event.self_cpu_time_total, event)
        for event in profiled.key_averages()
        if event.device_type == wanted
    }
    total = sum(microseconds for microseconds, _ in spent.values()) or 1
    longest = sorted(spent.items(), key=lambda item: -item[1][0])[:count]
    return [
        {
            "name": name,
            "calls": event.count,
            "milliseconds": microseconds / 1000,
            "share": microseconds / total,
        }
        for name, (microseconds, event) in longest
    ]
