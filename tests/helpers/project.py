"""A copy of the project's configuration and rules in a folder of its own, and commands run in it as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def copy_project(folder: Path) -> Path:
    """Configuration and workflow without results; the package itself is the installed one."""
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    for link in ("slurm", "default"):
        (folder / link).symlink_to((ROOT / link).readlink())
    return folder


def command(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `sedd ...` or `snakemake ...` in `folder`, with no hub and one thread a process."""
    result = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if check and result.returncode != 0:
        raise AssertionError(
            f"{words} exited {result.returncode}\n{result.stdout}\n{result.stderr}"
        )
    return result


def planned(folder: Path, *words: str) -> dict[str, int]:
    """How often each rule would run, by a dry run."""
    output = command(folder, "snakemake", "--dry-run", *words).stdout
    lines = output.splitlines()
    jobs: dict[str, int] = {}
    for at, line in enumerate(lines):
        if line.split() == ["job", "count"]:
            jobs = {}
            for row in lines[at + 2 :]:
                match row.split():
                    case [rule, count] if count.isdigit():
                        jobs[rule] = int(count)
                    case _:
                        break
    jobs.pop("total", None)
    jobs.pop("all", None)
    return jobs
