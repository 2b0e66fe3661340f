"""One measurement: both paths prepared, warmed up, timed in turn; then their memory, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from sedd.bench.flops import PEAK_FLOPS, forward_flops_per_token, train_flops_per_token
from sedd.bench.measure import Seconds, in_turn
from sedd.bench.options import Settings
from sedd.bench.path import MeasuredElsewhere, MeasuredPath
from sedd.errors import ConfigError, Problem
from sedd.registry import GRAPHS
from sedd.runtime.device import choose_device, device_name
from sedd.runtime.provenance import code_version, now


def run_bench(settings: Settings) -> dict[str, Any]:
    """Measure, and return everything that is known of the measurement, as plain JSON values.

    Raises ConfigError if there is no such preset, or for a device other than a CPU or an NVIDIA GPU.
    """
    device = choose_device(settings.device)
    check_device(device)
    with num_threads(settings.threads):
        paths: dict[str, MeasuredPath | MeasuredElsewhere] = {
            "fast": MeasuredPath.warmed_up(settings, device, plain=False)
        }
        if settings.plain and device.type == "cpu":
            paths["plain"] = MeasuredElsewhere(settings, device)
        elif settings.plain:
            paths["plain"] = MeasuredPath.warmed_up(settings, device, plain=True)
        seconds = in_turn({name: path.seconds for name, path in paths.items()}, settings.repeats)
        peaks = {name: path.peak() for name, path in paths.items()}
        described = describe(settings, device)
    results = {
        name: {
            **rates(settings, seconds[name], described),
            "held_memory_bytes": path.held if device.type == "cuda" else None,
            "peak_memory_bytes": peaks[name],
        }
        for name, path in paths.items()
    }
    ratios = compare(seconds, peaks) if settings.plain else None
    return {**described, "results": results, "plain_to_fast": ratios}


def check_device(device: torch.device) -> None:
    usable = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_available())
    if not usable:
        allowed = "cpu or cuda" if torch.cuda.is_available() else "cpu; PyTorch finds no GPU here"
        raise ConfigError("command line", [Problem("--device", f"must be {allowed}; got {device}")])


@contextlib.contextmanager
def num_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch use so many threads; None: as it does already."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe(settings: Settings, device: torch.device) -> dict[str, Any]:
    """What was measured, on what and with what."""
    experiment = settings.experiment()
    states = settings.vocab + GRAPHS[settings.graph].has_mask
    count = train_flops_per_token if settings.work == "train" else forward_flops_per_token
    name = device_name(device)
    return {
        "settings": {**dataclasses.asdict(settings), "overrides": list(settings.overrides)},
        "model": experiment.model.model_dump(mode="json"),
        "device": name,
        "device_type": device.type,
        "platform": platform.platform(),
        "precision": "bfloat16" if device.type == "cuda" else "float32",
        "torch": torch.__version__,
        "code_version": code_version(),
        "created": now(),
        "model_flops_per_token": count(experiment.model, settings.length, states),
        "device_flops_per_second": PEAK_FLOPS.get(name),
    }


def rates(
    settings: Settings, seconds: list[Seconds], described: Mapping[str, Any]
) -> dict[str, Any]:
    """The speed of one path.

    Tokens are those that a run trains on, writes, or takes through the network at one random time each.
    """
    wall = [one.wall for one in seconds]
    median = statistics.median(wall)
    sequences = settings.batch * (1 if settings.work == "sample" else settings.steps)
    # a sampler asks the network once a step, and once more for the last
    calls = settings.steps + (settings.work == "sample")
    flops = described["model_flops_per_token"] * settings.batch * settings.length * calls / median
    able = described["device_flops_per_second"]
    return {
        "seconds": wall,
        "median_seconds": median,
        "spread_seconds": [min(wall), max(wall)],
        "cpu_seconds": [one.cpu for one in seconds],
        "median_cpu_seconds": statistics.median(one.cpu for one in seconds),
        "steps_per_second": settings.steps / median,
        "tokens_per_second": sequences * settings.length / median,
        "model_flops_per_second": flops,
        "utilisation": None if able is None else flops / able,
    }


def compare(
    seconds: Mapping[str, list[Seconds]], memory: Mapping[str, int | None]
) -> dict[str, Any]:
    """Plain divided by fast: of the pairs of runs that stand side by side, and of the memory."""
    pairs = list(zip(seconds["plain"], seconds["fast"], strict=True))
    walls = [plain.wall / fast.wall for plain, fast in pairs]
    plain, fast = memory["plain"], memory["fast"]
    return {
        "time": statistics.median(walls),
        "time_spread": [min(walls), max(walls)],
        "cpu_time": statistics.median(plain.cpu / fast.cpu for plain, fast in pairs),
        "memory": plain / fast if plain is not None and fast else None,
    }
