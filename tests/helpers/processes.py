"""Start the ranks of one run, with the environment variables that torchrun sets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from helpers.programs import Program


def start(size: int, *words: str, main: Callable[[], object] | None = None) -> list[Program]:
    """Start `sedd WORDS` as `size` ranks of one process group. main: as of `Program`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": f"{size}",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": f"{port}",
    }
    return [
        Program(
            "sedd",
            *words,
            folder=Path.cwd(),
            environment={**shared, "RANK": f"{rank}", "LOCAL_RANK": f"{rank}"},
            main=main,
        )
        for rank in range(size)
    ]


def finish(processes: list[Program]) -> list[tuple[int, str]]:
    """Exit code and stderr of each process."""
    results = [process.finish(timeout=240) for process in processes]
    return [(result.returncode, result.stderr) for result in results]
