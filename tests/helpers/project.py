"""A copy of the project's configuration and rules in a separate folder, and commands that run in it."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import typer.main

from helpers.experiment_file import copy_config
from helpers.programs import Program

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def copy_project(folder: Path) -> Path:
    """Copy configuration and workflow, without results. Commands use the installed package."""
    copy_config(folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copy(ROOT / "Snakefile", folder)
    for link in ("slurm", "default"):
        (folder / link).symlink_to((ROOT / link).readlink())
    return folder


def command(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `sedd ...` or `snakemake ...` in `folder`, without the hub and with one thread per process.

    For a test of `sedd` that does not need a process, `invoke` is faster.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    result = Program(*words, folder=folder, environment=environment).finish(timeout=900)
    if check and result.returncode != 0:
        raise AssertionError(
            f"{words} exited {result.returncode}\n{result.stdout}\n{result.stderr}"
        )
    return result


_verbs = functools.cache(typer.main.get_command)


def invoke(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `sedd ...` in this process and in the current folder.

    This saves the imports of a new process, and typer's reading of all verbs after the first time.
    """
    from sedd import cli

    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["sedd", *words]),
        mock.patch.object(typer.main, "get_command", _verbs),
        mock.patch.object(cli, "keep_freed_memory"),  # would last as long as the test process
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
            code = 0
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 0
    result = subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
    if check and result.returncode != 0:
        raise AssertionError(f"{words} exited {code}\n{result.stdout}\n{result.stderr}")
    return result


def planned(folder: Path, *words: str) -> dict[str, int]:
    """Number of jobs per rule in a dry run."""
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
