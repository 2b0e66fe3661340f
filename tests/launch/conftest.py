from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import local_jobs as jobs
from helpers.corpus import tokenize_corpus
from helpers.project import copy_project

from sedd.launch.local import job_processes
from sedd.paths import RESULTS
from sedd.train import train


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Final state of an uninterrupted run of one process."""
    folder = copy_project(tmp_path_factory.mktemp("whole") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tokenize_corpus()
        train(jobs.experiment("whole"))
        return jobs.final_state("whole")


@pytest.fixture
def runs(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with tokenized text. Jobs that are still alive after the test are killed."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield corpus
    for folder in (RESULTS / "runs").glob("*"):
        for process in job_processes(folder.name):
            process.send_signal(signal.SIGKILL)
