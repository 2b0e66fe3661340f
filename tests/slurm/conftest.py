"""A real Slurm for the tests of this folder: see `testbed`."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from at_once import start
from corpus import tokenize_corpus
from lab import Lab
from project import copy_project
from testbed import PROGRAM, packages

FOLDER = Path(
    "/var/tmp/sedd-test-slurm"
)  # munge wants folders that everyone may enter, unlike pytest's
REQUIRED = "SEDD_REQUIRE_SLURM"


@pytest.fixture(scope="session")
def slurm_packages() -> Iterator[None]:
    """The machine's one test Slurm, installed; other sessions wait.

    Where SEDD_REQUIRE_SLURM=1, the packages are installed, and what would be a skip is a failure.
    """
    obstacle = packages.obstacle()
    if os.environ.get(REQUIRED) == "1":
        assert obstacle is None, obstacle
        testbed("install")
    elif obstacle:
        pytest.skip(obstacle)
    elif missing := packages.missing(*packages.SLURM, *packages.ACCOUNTING):
        how = f"install them with: python tests/slurm/testbed install, or set {REQUIRED}=1"
        pytest.skip(f"packages missing: {', '.join(missing)}; {how}")
    with FOLDER.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        take_down()  # of a session that was killed
        yield


@pytest.fixture(scope="module")
def slurm(slurm_packages: None) -> Iterator[None]:
    """A Slurm without accounting, as on small clusters."""
    yield from brought_up()


@pytest.fixture(scope="module")
def slurm_with_accounting(slurm_packages: None) -> Iterator[None]:
    """A Slurm with slurmdbd, which preempts by SIGTERM only."""
    yield from brought_up("--accounting", "--preempt-with-sigterm")


@pytest.fixture(scope="module")
def lab(
    slurm: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """A project with a tokenised text, in which the module's tests that are `at_once` have started."""
    lab = Lab(copy_project(tmp_path_factory.mktemp("lab") / "project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(lab.folder)
        tokenize_corpus()
    lab.write()
    with ThreadPoolExecutor() as pool:
        lab.started.update(start(request, pool, lab))
        yield lab


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
    """Run the test bed's command, which asks for root by itself."""
    done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True)
    assert done.returncode == 0, f"testbed {' '.join(words)}\n{done.stdout}{done.stderr}"
