"""Having a run's job sent, by a process that outlives the one who asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO

from sedd.config import ClusterConfig
from sedd.errors import JobError, SeddError
from sedd.paths import jobs_dir


def send(
    run: str, cluster: ClusterConfig, settings: Path, identity: str, until: int, lock: IO[str]
) -> None:
    """Submit the run's job and record it. Call with the lock held.

    until: the checkpoint that is wanted first.
    Raises JobError: with Slurm's own words if it refused.
    """
    log = jobs_dir(run) / "send.log"
    words = [run, cluster.name, str(settings), identity, str(until)]
    with log.open("w") as file:  # also the output of a local job's controller, which stays
        result = subprocess.run(
            [sys.executable, "-m", "sedd.launch.sender", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
            check=False,
        )
    if result.returncode == SeddError.exit_code:
        raise JobError(result.stdout.strip())
    if result.returncode != 0:
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise JobError(
            f"{run}: the job could not be sent: {''.join(last) or f'exit code {result.returncode}'}; see {log}"
        )
