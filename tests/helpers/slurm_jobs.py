"""Asking the test Slurm, as a user and as its administrator, and waiting for what it does."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# of the Slurm; munge wants folders that everyone may enter, unlike pytest's
FOLDER = Path("/var/tmp/sedd-test-slurm")


def output(*words: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def as_root(*words: str) -> str:
    """The same, as the administrator."""
    return output(*([] if os.geteuid() == 0 else ["sudo", "-n"]), *words)


def wait_until(happened: Callable[[], object], what: str, seconds: float = 240) -> None:
    """Look five times a second until it happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds: {what}"
        time.sleep(0.2)


def job_field(job: str, name: str) -> str:
    """What `scontrol show job` says of a job, such as Restarts or NodeList; empty if it says nothing."""
    found = re.search(rf"(?:^|\s){name}=(\S*)", output("scontrol", "show", "job", job))
    return found[1] if found else ""


def jobs_named(name: str) -> list[str]:
    """Every job of that name that Slurm remembers, ended or not."""
    return output("squeue", "--noheader", "--states=all", "--format=%i", f"--name={name}").split()


def processes_of(job: str) -> dict[int, int]:
    """Rank and process id of the training processes of a job."""
    return {
        int(variables["SLURM_PROCID"]): process
        for process, words, variables in job_processes(job)
        if "submitit.core._submit" in words and Path(words[0]).name != "srun"
    }


def batch_script_of(job: str) -> int:
    """The process that Slurm started first, and that starts the others by srun."""
    (found,) = [
        process
        for process, words, _ in job_processes(job)
        if any(word.endswith("/slurm_script") for word in words)
    ]
    return found


def job_processes(job: str) -> Iterator[tuple[int, list[str], dict[str, str]]]:
    """Number, command line and environment of everything that runs for a job on this machine."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, variables = (
                (folder / name).read_text(errors="replace").split("\0")
                for name in ("cmdline", "environ")
            )
        except OSError:
            continue
        environment = dict(one.partition("=")[::2] for one in variables)
        if environment.get("SLURM_JOB_ID") == job:
            yield int(folder.name), words, environment
