"""Measure the CPU time of commands that only start, plan or check; print a Markdown table.

.venv/bin/python results/benchmarks/measure_startup.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from sedd.runtime.markdown import markdown_table

REPEATS = 3
LIMITS = {  # CPU seconds
    "sedd --help": 1,
    "sedd config check": 2,
    "snakemake --dry-run": 5,
    "snakemake --configfile config/paper.yaml --dry-run": 5,
}


def cpu_seconds(words: list[str]) -> float:
    """User and system time of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [Path(sys.executable).with_name(words[0]), *words[1:]], check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    measured = {command: [] for command in LIMITS}
    for _ in range(REPEATS):
        for command, values in measured.items():
            values.append(cpu_seconds(command.split()))
    rows = [
        [
            f"`{command}`",
            f"{statistics.median(values):.2f} s",
            f"{min(values):.2f} s",
            f"{LIMITS[command]} s",
        ]
        for command, values in measured.items()
    ]
    print(
        markdown_table(["command", "median", "shortest", "limit"], rows, ["left", *["right"] * 3])
    )
