"""Programs of the environment as processes. They are forks of a server that has their libraries,
whose imports take seconds.
"""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import torch

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["sedd.cli", "snakemake.cli", "torch", "torch._dynamo"])


def run_program(*words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `sedd ...` or `snakemake ...` in the current folder."""
    return Program(*words, folder=Path.cwd(), environment=environment).finish()


def run_code(
    code: str, *arguments: str, environment: dict[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python -c CODE ARGUMENTS`."""
    main = functools.partial(exec, code, {"__name__": "__main__"})
    words = ("python", *arguments)
    return Program(*words, folder=folder or Path.cwd(), environment=environment, main=main).finish()


class Program:
    """A started `sedd ...` or `snakemake ...`.

    environment: all its variables.
    main: what runs as the program; None: what the environment has under this name.
    """

    def __init__(
        self,
        *words: str,
        folder: Path,
        environment: dict[str, str],
        main: Callable[[], object] | None = None,
    ):
        self._words = words
        self._said = Path(tempfile.mkdtemp())
        for name in ("stdout", "stderr"):
            (self._said / name).touch()
        self._process = SERVER.Process(
            target=_become, args=(words, folder, environment, self._said, main)
        )
        self._process.start()

    def runs(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def finish(self, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Wait until it has ended."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            raise AssertionError(f"{self._words} did not end in {timeout} s")
        out, err = ((self._said / name).read_text() for name in ("stdout", "stderr"))
        shutil.rmtree(self._said)
        return subprocess.CompletedProcess(self._words, code, out, err)


def _become(
    words: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    said: Path,
    main: Callable[[], object] | None,
) -> None:
    """Run a program in this process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if threads := environment.get("OMP_NUM_THREADS"):  # the server has read its own
        torch.set_num_threads(int(threads))
    for number, name in enumerate(("stdout", "stderr"), start=1):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_APPEND), number)
    sys.argv = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    if main is None:
        (program,) = entry_points(group="console_scripts", name=words[0])
        main = program.load()
    try:
        sys.exit(main())
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out
