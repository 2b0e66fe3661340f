"""The shipped configuration, and a short valid experiment file for tests to change."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "config"

GOOD = """\
description: for a test
model: {hidden_size: 32, n_blocks: 2, n_heads: 2}
graph: {type: absorb}
noise: {type: loglinear}
data: {dataset: wiki, tokenizer: text8, length: 32}
training: {steps: 100, warmup_steps: 10, checkpoint_every: 50}
"""


@cache
def shipped_files() -> tuple[Path, ...]:
    """The files of config/ that git knows. A user's own files are not tested, whatever they hold;
    without git, all files are.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "."], cwd=SHIPPED, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    paths = [SHIPPED / name for name in names if name] or [*SHIPPED.rglob("*")]
    return tuple(sorted(path for path in paths if path.is_file()))


def shipped_names(folder: str) -> list[str]:
    """Names of the shipped YAML files of a folder of config/."""
    return [path.stem for path in shipped_yaml() if path.parent == SHIPPED / folder]


def shipped_yaml() -> list[Path]:
    """Every shipped YAML file."""
    return [path for path in shipped_files() if path.suffix == ".yaml"]


def copy_config(folder: Path) -> None:
    """Copy the shipped configuration to `folder`/config."""
    for path in shipped_files():
        copy = folder / "config" / path.relative_to(SHIPPED)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
