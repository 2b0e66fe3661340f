from __future__ import annotations

from pathlib import Path

import pytest
from helpers.corpus import tokenize_corpus
from helpers.project import command, copy_project
from helpers.slow import SLOW, TESTS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests below SLOW as slow."""
    slow = [TESTS / path for path in SLOW]
    for item in items:
        if any(item.path.is_relative_to(path) for path in slow):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project without results. It becomes the current folder."""
    folder = copy_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def corpus(project: Path) -> Path:
    """The project with a small tokenized data set `corpus`. It becomes the current folder."""
    tokenize_corpus()
    return project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `snakemake --configfile config/smoke.yaml`: the default build with tiny models. Read-only."""
    folder = copy_project(tmp_path_factory.mktemp("built") / "project")
    command(folder, "snakemake", "--configfile", "config/smoke.yaml")
    return folder
