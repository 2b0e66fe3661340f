"""Daemons, identified by their pid files, and leftover processes of jobs."""

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
    """Processes of the Slurm configured by `slurm_conf`, identified by their environment."""

    slurm_conf: Path
    run: Path
    """folder of the pid files"""

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    def process(self, name: str) -> int | None:
        """Process id of a live daemon, or None. A reused process id does not count."""
        try:
            number = int(self.pid_file(name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return number if self._mark in environment(number) else None

    def start(self, name: str, *words: str, **more: str) -> None:
        """Run a command that starts a daemon, unless the daemon is already running."""
        if self.process(name) is None:
            self.pid_file(name).unlink(missing_ok=True)
            subprocess.run(words, check=True, env={**os.environ, **more})

    def stop(self, name: str, seconds: float = 10) -> None:
        """Terminate a daemon; kill it after a timeout."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if (process := self.process(name)) is None:
                break
            os.kill(process, number)
            wait_quietly(lambda: self.process(name) is None, seconds)
        self.pid_file(name).unlink(missing_ok=True)

    def kill_processes_of_jobs(self) -> None:
        """Kill processes that jobs left behind."""
        for folder in Path("/proc").glob("[0-9]*"):
            variables = environment(int(folder.name))
            if self._mark in variables and any(v.startswith("SLURM_JOB_ID=") for v in variables):
                os.kill(int(folder.name), signal.SIGKILL)

    @property
    def _mark(self) -> str:
        return f"SLURM_CONF={self.slurm_conf}"


def environment(process: int) -> list[str]:
    """Environment variables of a process at its start; empty if it no longer exists."""
    try:
        return Path(f"/proc/{process}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def wait_quietly(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until done() holds; return False on timeout."""
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
