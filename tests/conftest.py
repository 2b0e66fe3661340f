from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
from helpers.corpus import tokenize_corpus
from helpers.project import command, copy_project
from helpers.slow import SLOW, TESTS
from xdist.scheduler import LoadScopeScheduling


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests below SLOW as slow.

    Where several processes share the tests, these start first, the last folders before the others:
    workflow and train take longest.
    """
    slow = [TESTS / path for path in SLOW]
    for item in items:
        if any(item.path.is_relative_to(path) for path in slow):
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        place = {path: at for at, path in enumerate(dict.fromkeys(item.path for item in items))}
        items.sort(key=lambda item: (item.get_closest_marker("slow") is None, -place[item.path]))


def pytest_collection_finish() -> None:
    """Leave modules and tests, a million objects that stay, out of every search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Tests of a file run in one process, and those with Slurm too: a machine runs one test Slurm."""
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "slurm" if Path(path).parent.name == "slurm" else path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project without results. It becomes the current folder."""
    folder = copy_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def corpus(project: Path) -> Path:
    """The project with a small tokenized dataset `corpus`. It becomes the current folder."""
    tokenize_corpus()
    return project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `sedd build --config config/smoke.yaml`: the default build with tiny models.
    Read-only. What the command said is in said.txt.
    """
    folder = copy_project(tmp_path_factory.mktemp("built") / "project")
    done = command(folder, "sedd", "build", "--config", "config/smoke.yaml")
    (folder / "said.txt").write_text(done.stderr + done.stdout)
    return folder
