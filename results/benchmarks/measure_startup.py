"""Measure the CPU time of commands that only start, plan or check; print a Markdown table.

Example: python results/benchmarks/measure_startup.py

Run it in the project's folder. The commands take three turns and write nothing; all of it takes about
25 seconds of CPU time. The table has the median, the shortest time and the limit of each command.
The time is that of its processes, user and system; on a busy machine, which shares its caches, it
is 1.3 to 1.5 times as long.
"""

from __future__ import annotations

import argparse
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
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
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
