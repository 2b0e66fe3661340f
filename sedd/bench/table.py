"""A measurement as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEP = {
    "train": "an optimiser step, with the moving average; tokens are those trained on",
    "sample": "a denoising step; tokens are those written",
    "perplexity": "a random time; tokens are those taken through the network",
    "head": "vocabulary layer and loss, forwards and back; tokens are those of the batch",
}


def render(measured: Mapping[str, Any]) -> str:
    """Head, table, ratio, and what the columns mean."""
    settings = measured["settings"]
    lines = [
        f"sedd bench {settings['work']}: {' '.join([settings['model'], *settings['overrides']])}, "
        f"{settings['graph']}, {settings['vocab']:,} tokens, "
        f"length {settings['length']}, batch {settings['batch']}, {settings['steps']} steps"
        + (", compiled" if settings["compile"] else ""),
        f"{measured['device']}, {measured['precision']}, torch {measured['torch']}, sedd {measured['code_version']}",
        "",
        *aligned([columns(name, path, measured) for name, path in measured["results"].items()]),
    ]
    if ratio := measured["plain_to_fast"]:
        low, high = ratio["time_spread"]
        memory = "unknown" if ratio["memory"] is None else f"{ratio['memory']:.2f}"
        lines += [
            "",
            f"plain / fast: time {ratio['time']:.2f} ({low:.2f} - {high:.2f}), CPU time {ratio['cpu_time']:.2f}, "
            f"memory {memory}",
        ]
    lines += [
        "",
        f"Medians of {settings['repeats']} runs. A step: {STEP[settings['work']]}.",
        "Peak memory: of one run, above what is held before it.",
    ]
    return "\n".join(lines)


def columns(name: str, path: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, str]:
    """One row: heading to cell."""
    steps = measured["settings"]["steps"]
    low, high = (f"{1000 * seconds / steps:.2f}" for seconds in path["spread_seconds"])
    cells = {
        "path": name,
        "ms a step": f"{1000 * path['median_seconds'] / steps:.2f}",
        "lowest - highest": f"{low} - {high}",
        "CPU ms": f"{1000 * path['median_cpu_seconds'] / steps:.2f}",
        "steps/s": f"{path['steps_per_second']:.2f}",
        "tokens/s": f"{path['tokens_per_second']:,.0f}",
        "peak memory": mebibytes(path["peak_memory_bytes"]),
    }
    if measured["device_type"] == "cuda":
        used = path["utilisation"]
        cells["held memory"] = mebibytes(path["held_memory_bytes"])
        cells["model TFLOP/s"] = f"{path['model_flops_per_second'] / 1e12:,.1f}"
        cells["utilisation"] = "unknown" if used is None else f"{100 * used:.1f} %"
    return cells


def mebibytes(count: int | None) -> str:
    return "unknown" if count is None else f"{count / 2**20:,.1f} MiB"


def aligned(rows: list[dict[str, str]]) -> list[str]:
    """Headings and rows in columns of equal width, the first to the left."""
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
