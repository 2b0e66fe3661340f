"""Run one benchmark: warm up the paths, time them alternately, then measure their memory."""

from __future__ import annotations

import contextlib
import dataclasses
import platform
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from sedd.bench.flops import PEAK_FLOPS, forward_flops_per_token, train_flops_per_token
from sedd.bench.measure import Seconds, alternate
from sedd.bench.measured_path import LocalPath, RemotePath
from sedd.bench.operations import longest_operations
from sedd.bench.options import BenchOptions
from sedd.errors import ConfigError, Problem
from sedd.registry import GRAPHS
from sedd.runtime.device import choose_device, device_name
from sedd.runtime.provenance import code_version, now


def run_bench(options: BenchOptions) -> dict[str, Any]:
    """Run a benchmark and return the measurement as plain JSON values.

    Raises ConfigError for an unknown preset, and for a device other than a CPU or an NVIDIA GPU.
    """
    device = choose_device(options.device)
    check_device(device)
    with num_threads(options.threads):
        fast = LocalPath.warmed_up(options, device, plain=False)
        paths: dict[str, LocalPath | RemotePath] = {"fast": fast}
        if options.plain and device.type == "cpu":
            paths["plain"] = RemotePath(options, device)
        elif options.plain:
            paths["plain"] = LocalPath.warmed_up(options, device, plain=True)
        seconds = alternate({name: path.seconds for name, path in paths.items()}, options.repeats)
        peaks = {name: path.peak() for name, path in paths.items()}
        operations = longest_operations(fast.run, device) if options.profile else None
        conditions = describe(options, device)
    results = {
        name: {
            **rates(options, seconds[name], conditions),
            "held_memory_bytes": path.held if device.type == "cuda" else None,
            "peak_memory_bytes": peaks[name],
        }
        for name, path in paths.items()
    }
    ratios = compare(seconds, peaks) if options.plain else None
    return {
        **conditions,
        "results": results,
        "plain_to_fast": ratios,
        "longest_operations": operations,
    }


def check_device(device: torch.device) -> None:
    """Raise ConfigError unless the device is a CPU or an NVIDIA GPU."""
    usable = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_available())
    if not usable:
        allowed = "cpu or cuda" if torch.cuda.is_available() else "cpu (PyTorch finds no GPU)"
        raise ConfigError("command line", [Problem("--device", f"must be {allowed}, got {device}")])


@contextlib.contextmanager
def num_threads(count: int | None) -> Iterator[None]:
    """Set the number of PyTorch's CPU threads inside the block. None keeps the current number."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe(options: BenchOptions, device: torch.device) -> dict[str, Any]:
    """Conditions of a measurement: options, network, device and software."""
    experiment = options.experiment()
    num_states = options.vocab + GRAPHS[options.graph].has_mask
    count = train_flops_per_token if options.work == "train" else forward_flops_per_token
    name = device_name(device)
    return {
        "settings": {**dataclasses.asdict(options), "overrides": list(options.overrides)},
        "model": experiment.model.model_dump(mode="json"),
        "device": name,
        "device_type": device.type,
        "platform": platform.platform(),
        "precision": "bfloat16" if device.type == "cuda" else "float32",
        "torch": torch.__version__,
        "code_version": code_version(),
        "created": now(),
        "model_flops_per_token": count(experiment.model, options.length, num_states),
        "device_flops_per_second": PEAK_FLOPS.get(name),
    }


def rates(
    options: BenchOptions, seconds: list[Seconds], conditions: Mapping[str, Any]
) -> dict[str, Any]:
    """Times and rates of one path.

    Tokens per second counts the tokens trained on, the tokens written, or the tokens evaluated
    (once per random time).
    """
    wall = [one.wall for one in seconds]
    median = statistics.median(wall)
    sequences = options.batch * (1 if options.work == "sample" else options.steps)
    # a sampler calls the network once per step, and once more for the last denoising step
    calls = options.steps + (options.work == "sample")
    flops = conditions["model_flops_per_token"] * options.batch * options.length * calls / median
    peak_flops = conditions["device_flops_per_second"]
    return {
        "seconds": wall,
        "median_seconds": median,
        "spread_seconds": [min(wall), max(wall)],
        "cpu_seconds": [one.cpu for one in seconds],
        "median_cpu_seconds": statistics.median(one.cpu for one in seconds),
        "steps_per_second": options.steps / median,
        "tokens_per_second": sequences * options.length / median,
        "model_flops_per_second": flops,
        "utilization": None if peak_flops is None else flops / peak_flops,
    }


def compare(
    seconds: Mapping[str, list[Seconds]], memory: Mapping[str, int | None]
) -> dict[str, Any]:
    """Ratios plain / fast: the median over neighboring pairs of runs, and peak memory."""
    pairs = list(zip(seconds["plain"], seconds["fast"], strict=True))
    walls = [plain.wall / fast.wall for plain, fast in pairs]
    plain, fast = memory["plain"], memory["fast"]
    return {
        "time": statistics.median(walls),
        "time_spread": [min(walls), max(walls)],
        "cpu_time": statistics.median(plain.cpu / fast.cpu for plain, fast in pairs),
        "memory": plain / fast if plain is not None and fast else None,
    }
