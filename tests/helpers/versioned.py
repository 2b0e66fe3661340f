"""The project in a git repository of its own, its build versioned by DVC."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from helpers.project import BIN, ROOT, copy_project
from sedd.workflow.dvc import dvc_yaml

FILES = ("dvc.yaml", ".dvcignore", ".gitignore", "Makefile", "pyproject.toml", "constraints.txt")


def versioned_project(folder: Path) -> Path:
    """Configuration, workflow and stages in a new git repository, without results and without a commit."""
    copy_project(folder)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, folder / ".dvc")
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "config", "user.email", "someone@example.org")
    run(folder, "git", "config", "user.name", "Someone")
    return folder


def run(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command with the environment's programs first, as after `source .venv/bin/activate`."""
    result = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=900
    )
    output = f"{words} exited {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert result.returncode == 0 or not check, output
    return result


def environment() -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "-m", message)


def write_stages(folder: Path) -> None:
    """Generate dvc.yaml from the configuration in `folder`."""
    with contextlib.chdir(folder):
        Path("dvc.yaml").write_text(dvc_yaml())
