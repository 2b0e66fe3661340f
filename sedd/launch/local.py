"""Local training jobs. Their processes are found by the job folder in the command line.

A process id alone does not identify a job: the system may have reused it, and a training process
may outlive the controller that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from sedd.launch.record import JobRecord, JobState
from sedd.paths import jobs_dir

PR_SET_PDEATHSIG = 1


def submitit_folder(run: str) -> Path:
    """The folder name passed to submitit, which replaces %j by the job id."""
    return jobs_dir(run).absolute() / "%j"


def local_state(record: JobRecord) -> JobState:
    """State of a local job; unknown if it was started on another machine."""
    if record.host != socket.gethostname():
        return JobState("unknown", f"it was started on {record.host}; check it on that machine")
    return JobState("running" if is_alive(record.run, int(record.job_id)) else "ended")


def is_alive(run: str, controller: int) -> bool:
    """Whether the controller (cheap to check) or any other process of the run's job is alive."""
    with contextlib.suppress(psutil.Error):
        if str(submitit_folder(run)) in psutil.Process(controller).cmdline():
            return True
    return bool(job_processes(run))


def job_processes(run: str) -> list[psutil.Process]:
    """Live controllers and training processes of the run's jobs on this machine."""
    folder = str(submitit_folder(run))
    processes = []
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments = process.info["cmdline"] or []  # None for a zombie
        is_job = folder in arguments and any(word.startswith("submitit.") for word in arguments)
        if is_job and process.info["status"] != psutil.STATUS_ZOMBIE:
            processes.append(process)
    return processes


def is_trainer(process: psutil.Process) -> bool:
    """Whether a process from `job_processes` trains; the others are controllers of trainers."""
    return "submitit.core._submit" in (process.info["cmdline"] or [])


def signal_processes(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def die_with_parent() -> None:
    """Terminate this process when its parent dies for any reason. Linux only; elsewhere a no-op."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent died before prctl took effect
        os.kill(os.getpid(), signal.SIGTERM)
