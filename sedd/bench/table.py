"""A measurement as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sedd.runtime.terminal import text_table

STEP = {
    "train": "one optimizer step with the moving average; tokens: those trained on",
    "sample": "one denoising step; tokens: those generated",
    "perplexity": "one random time of the bound; tokens: those that pass through the network",
    "head": "vocabulary layer and loss, forward and backward; tokens: those in the batch",
}


def render(measured: Mapping[str, Any]) -> str:
    """Settings and machine, one row for each path, the ratio of both, and a legend."""
    settings = measured["settings"]
    rows = [columns(name, path, measured) for name, path in measured["results"].items()]
    lines = [
        f"sedd bench {settings['work']}: {' '.join([settings['model'], *settings['overrides']])}, "
        f"{settings['graph']}, {settings['vocab']:,} tokens, "
        f"length {settings['length']}, batch {settings['batch']}, {settings['steps']} steps"
        + (", compiled" if settings["compile"] else ""),
        f"{measured['device']}, {measured['precision']}, torch {measured['torch']}, "
        f"sedd {measured['code_version']}",
        "",
        text_table(list(rows[0]), [[list(row.values()) for row in rows]]),
    ]
    if ratio := measured["plain_to_fast"]:
        low, high = ratio["time_spread"]
        memory = "unknown" if ratio["memory"] is None else f"{ratio['memory']:.2f}"
        lines += [
            "",
            f"plain / fast: time {ratio['time']:.2f} ({low:.2f} - {high:.2f}), "
            f"CPU time {ratio['cpu_time']:.2f}, memory {memory}",
        ]
    lines += [
        "",
        f"Medians of {settings['repeats']} runs. Step: {STEP[settings['work']]}.",
        "Peak memory: of one run, minus the memory in use before it.",
    ]
    if operations := measured["longest_operations"]:
        rows = [
            [one["name"], f"{one['calls']:,}", f"{one['milliseconds']:,.2f}", f"{one['share']:.1%}"]
            for one in operations
        ]
        lines += ["", text_table(["longest operations", "calls", "ms", "share"], [rows])]
    return "\n".join(lines)


def columns(name: str, path: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, str]:
    """One row: heading to cell."""
    steps = measured["settings"]["steps"]
    low, high = (f"{1000 * seconds / steps:.2f}" for seconds in path["spread_seconds"])
    cells = {
        "path": name,
        "ms per step": f"{1000 * path['median_seconds'] / steps:.2f}",
        "lowest - highest": f"{low} - {high}",
        "CPU ms": f"{1000 * path['median_cpu_seconds'] / steps:.2f}",
        "steps/s": f"{path['steps_per_second']:.2f}",
        "tokens/s": f"{path['tokens_per_second']:,.0f}",
        "peak memory": mebibytes(path["peak_memory_bytes"]),
    }
    if measured["device_type"] == "cuda":
        used = path["utilization"]
        cells["held memory"] = mebibytes(path["held_memory_bytes"])
        cells["model TFLOP/s"] = f"{path['model_flops_per_second'] / 1e12:,.1f}"
        cells["utilization"] = "unknown" if used is None else f"{100 * used:.1f} %"
    return cells


def mebibytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 2**20:,.1f} MiB"
