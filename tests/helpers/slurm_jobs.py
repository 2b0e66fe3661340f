"""Commands to the test Slurm, as a user and as its administrator."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# not below pytest's folders: munge needs folders that every user may enter
FOLDER = Path("/var/tmp/sedd-test-slurm")


def output(*words: str) -> str:
    """Output of a command, which must succeed."""
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(words)}\n{result.stdout}{result.stderr}"
    return result.stdout.strip()


def as_root(*words: str) -> str:
    """Output of a command that is run as root."""
    return output(*([] if os.geteuid() == 0 else ["sudo", "-n"]), *words)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 240) -> None:
    """Wait until condition() holds, checking five times per second."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds: {what}"
        time.sleep(0.2)


def job_field(job: str, name: str) -> str:
    """A field of `scontrol show job`, e.g. Restarts or NodeList; empty if it is missing."""
    match = re.search(rf"(?:^|\s){name}=(\S*)", output("scontrol", "show", "job", job))
    return match[1] if match else ""


def jobs_named(name: str) -> list[str]:
    """Ids of all jobs with this name that Slurm remembers, including ended ones."""
    return output("squeue", "--noheader", "--states=all", "--format=%i", f"--name={name}").split()


def short_jobs(*states: str) -> list[str]:
    """Comment of each short rule's job in one of these states: project, rule, run, step, ..."""
    comments = output("squeue", "--noheader", f"--states={','.join(states)}", "--format=%k")
    return [line for line in comments.splitlines() if "rule=" in line and "rule=train" not in line]


def short_job(words: str, state: str = "RUNNING") -> str:
    """Id of the first short job in this state whose comment has these words; empty if none has."""
    lines = output("squeue", "--noheader", f"--states={state}", "--format=%i|%k").splitlines()
    found = [line.split("|")[0] for line in lines if f" {words} " in f"{line} "]
    return found[0] if found else ""


def signal_job(job: str, number: signal.Signals) -> bool:
    """Signal the program `sedd` of a short job; whether it has started."""
    processes = [
        process
        for process, words, _ in job_processes(job)
        if any(word.endswith("/sedd") for word in words[:2])
    ]
    for process in processes:
        os.kill(process, number)
    return bool(processes)


def processes_of(job: str) -> dict[int, int]:
    """Process ids of a job's training processes, by rank."""
    return {
        int(variables["SLURM_PROCID"]): process
        for process, words, variables in job_processes(job)
        if "submitit.core._submit" in words and Path(words[0]).name != "srun"
    }


def batch_script_of(job: str) -> int:
    """The batch script's process, which starts the ranks with srun."""
    (script,) = [
        process
        for process, words, _ in job_processes(job)
        if any(word.endswith("/slurm_script") for word in words)
    ]
    return script


def job_processes(job: str) -> Iterator[tuple[int, list[str], dict[str, str]]]:
    """Yield process id, command line and environment of each process of a job."""
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
