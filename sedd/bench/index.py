"""A table of the measurements in a folder: `python -m sedd.bench.index results/benchmarks` writes its README.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sedd.bench.table import mebibytes
from sedd.runtime.atomic import write_text

HEAD = """\
# Speed and memory, measured

One row a file, each with both paths taking turns in one run (`sedd bench --plain`); the JSON says everything else. `plain` is the
straightforward way to the same numbers. Times are medians, of a step. CPU time is what the process used of the CPUs: where others
used the machine too, it says more than wall time. Memory is the peak of one run above what was held before it.

On a CPU each path has a process of its own. Every verb has the C library keep freed memory (`sedd.runtime.memory`), so the fast
path does; the plain one gives large blocks back at once, as by default, and waits for the system to clear the next ones. This
wait is in the ratios, and is large where tables are. Neither path has it with `MALLOC_TRIM_THRESHOLD_=17179869184` and
`MALLOC_MMAP_THRESHOLD_=1073741824` in the environment.

The fast bound takes several draws through the network together, up to 4,096 tokens: in a small vocabulary that is more
memory than one draw after the other needs, for less time.

Measured anew by `bash results/benchmarks/measure_cpu.sh`.

"""
WHAT = ("work", "graph", "network", "tokens", "length", "batch", "device")
MEASURED = (
    "plain ms",
    "fast ms",
    "time ratio",
    "CPU-time ratio",
    "plain memory",
    "fast memory",
    "memory ratio",
)


def index(folder: Path) -> str:
    """The table of all measurements of both paths, in the order of the files' names."""
    rows = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    lines = [WHAT + MEASURED, [":--"] * len(WHAT) + ["--:"] * len(MEASURED)]
    lines += [cells(row) for row in rows if row["plain_to_fast"]]
    return HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(measured: Mapping[str, Any]) -> list[str]:
    """One row."""
    settings, model, ratio = (measured[key] for key in ("settings", "model", "plain_to_fast"))
    steps, paths = settings["steps"], measured["results"]
    name = f"{model['hidden_size']} x {model['n_blocks']}, {model['n_heads']} heads"
    compiled = ", compiled" if settings["compile"] else ""
    stratified = "evaluation.estimator=stratified" in settings["overrides"]
    return [
        settings["work"] + (", stratified" if stratified else ""),
        settings["graph"],
        name + compiled,
        f"{settings['vocab']:,}",
        str(settings["length"]),
        str(settings["batch"]),
        f"{measured['device']}, torch {measured['torch']}",
        *(f"{1000 * paths[path]['median_seconds'] / steps:,.1f}" for path in ("plain", "fast")),
        f"{ratio['time']:.2f}",
        f"{ratio['cpu_time']:.2f}",
        *(mebibytes(paths[path]["peak_memory_bytes"]) for path in ("plain", "fast")),
        "unknown" if ratio["memory"] is None else f"{ratio['memory']:.2f}",
    ]


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_text(target / "README.md", index(target))
