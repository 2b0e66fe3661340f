"""Processes of local training jobs: found by their command line, which names the run's folder.

A process id alone says little: it may have been given to another process since, and a training process may outlive the
controller that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import psutil

from sedd.paths import jobs_dir

PR_SET_PDEATHSIG = 1


def submitit_folder(run: str) -> Path:
    """The folder that submitit is given; it writes the job's id in place of %j."""
    return jobs_dir(run).absolute() / "%j"


def job_processes(run: str) -> list[psutil.Process]:
    """Controllers and training processes of the run's jobs that are alive on this machine."""
    folder = str(submitit_folder(run))
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []  # a zombie has none
        is_job = folder in line and any(word.startswith("submitit.") for word in line)
        if is_job and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def is_alive(run: str, controller: int) -> bool:
    """Whether a job of the run is alive: by its controller, which costs little to look at, or by what outlived it."""
    with contextlib.suppress(psutil.Error):
        if str(submitit_folder(run)) in psutil.Process(controller).cmdline():
            return True
    return bool(job_processes(run))


def is_trainer(process: psutil.Process) -> bool:
    """Whether it trains, as against the controller, which starts those that do."""
    return "submitit.core._submit" in (process.info["cmdline"] or [])


def signal_processes(processes: list[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def die_with_parent() -> None:
    """Have the kernel end this process when the one that started it ends, however it ends. Linux only."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before it could be watched
        os.kill(os.getpid(), signal.SIGTERM)
