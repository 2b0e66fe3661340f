"""Fixtures with a real Slurm; see `testbed`."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.at_once import start
from helpers.corpus import tokenize_corpus
from helpers.project import copy_project
from helpers.slurm_jobs import FOLDER
from helpers.slurm_lab import Lab
from testbed import PROGRAM, packages
from testbed.bring_up import LINK

RUNS_AT_ONCE = 8


@pytest.fixture(scope="session")
def slurm_packages() -> Iterator[None]:
    """Packages of the test Slurm, and a lock: a machine runs one test Slurm at a time.

    With SEDD_REQUIRE_SLURM=1 missing packages are installed, and a reason to skip is a failure.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # shells ignore Ctrl-C in background commands of scripts; these tests need it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    is_required = os.environ.get("SEDD_REQUIRE_SLURM") == "1"
    stop = pytest.fail if is_required else pytest.skip
    if obstacle := packages.obstacle():
        stop(obstacle)
    if is_required:
        testbed("install")
    elif missing := packages.missing(*packages.SLURM, *packages.ACCOUNTING):
        how = "install them with: python tests/slurm/testbed install, or set SEDD_REQUIRE_SLURM=1"
        stop(f"packages missing: {', '.join(missing)}; {how}")
    path = FOLDER.with_suffix(".lock")
    if not path.exists():
        path.touch()
    with path.open() as lock:  # read-only, because another user may own the file
        fcntl.flock(lock, fcntl.LOCK_EX)
        take_down()  # left by a killed session
        if LINK.exists():
            stop(f"{LINK} exists: this machine already has a Slurm")
        yield


@pytest.fixture(scope="module")
def slurm(slurm_packages: None) -> Iterator[None]:
    """A Slurm without accounting, as on small clusters."""
    yield from brought_up()


@pytest.fixture(scope="module")
def slurm_with_accounting(slurm_packages: None) -> Iterator[None]:
    """A Slurm with slurmdbd that preempts jobs with SIGTERM only."""
    yield from brought_up("--accounting", "--preempt-with-sigterm")


@pytest.fixture(scope="module")
def lab(
    slurm: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """A project with tokenized text, in which the module's `at_once` tests have started."""
    # a name that must pass through several shells
    lab = Lab(copy_project(tmp_path_factory.mktemp("lab") / 'my "own" lab'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(lab.folder)
        tokenize_corpus()
    lab.write()
    try:
        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            lab.started.update(start(request, pool, lab))
            yield lab
    finally:
        lab.stop()


def brought_up(*options: str) -> Iterator[None]:
    try:
        testbed("up", str(FOLDER), *options)
        yield
    finally:
        take_down()


def take_down() -> None:
    if (FOLDER / "settings.json").exists():
        testbed("down", str(FOLDER))


def testbed(*words: str) -> None:
    """Run the test bed's command, which becomes root by itself."""
    done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True)
    assert done.returncode == 0, f"testbed {' '.join(words)}\n{done.stdout}{done.stderr}"
