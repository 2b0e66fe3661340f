"""Daemons that are known by the file of their process id, and what jobs left running."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Daemons:
    """The processes of the one Slurm whose settings are `slurm_conf`: their environment says so."""

    slurm_conf: Path
    run: Path
    """the folder of the pid files"""

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    def process(self, name: str) -> int | None:
        """The process of a daemon, if it is alive; a number that was given to another process is not taken for it."""
        try:
            number = int(self.pid_file(name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return number if self._mark in environment(number) else None

    def start(self, name: str, *words: str, **more: str) -> None:
        """Run a command that puts itself into the background, unless its daemon is there."""
        if self.process(name) is None:
            self.pid_file(name).unlink(missing_ok=True)
            subprocess.run(words, check=True, env={**os.environ, **more})

    def stop(self, name: str, seconds: float = 10) -> None:
        """Ask a daemon to end; kill it if it does not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if (process := self.process(name)) is None:
                break
            os.kill(process, number)
            wait_quietly(lambda: self.process(name) is None, seconds)
        self.pid_file(name).unlink(missing_ok=True)

    def kill_processes_of_jobs(self) -> None:
        """End what jobs left behind."""
        for folder in Path("/proc").glob("[0-9]*"):
            variables = environment(int(folder.name))
            if self._mark in variables and any(v.startswith("SLURM_JOB_ID=") for v in variables):
                os.kill(int(folder.name), signal.SIGKILL)

    @property
    def _mark(self) -> str:
        return f"SLURM_CONF={self.slurm_conf}"


def environment(process: int) -> list[str]:
    """The variables that a process was started with; none if it is gone."""
    try:
        return Path(f"/proc/{process}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def wait_quietly(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it was done before the time was up."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def succeeds(*words: str) -> bool:
    return subprocess.run(words, capture_output=True).returncode == 0


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()
