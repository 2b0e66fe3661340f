from __future__ import annotations

from pathlib import Path

import pytest
from corpus import tokenize_corpus
from project import command, copy_project


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under pytest-xdist a file is one worker's, and there is one Slurm. Long work begins, so that short work fills the end."""
    items.sort(key=lambda item: ("slurm" not in item.keywords, "end_to_end" not in item.keywords))
    for item in items:
        name = "slurm" if "slurm" in item.keywords else str(item.path)
        item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project without results, as the current folder."""
    folder = copy_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def corpus(project: Path) -> Path:
    """The project with a small tokenised data set `corpus`, as the current folder."""
    tokenize_corpus()
    return project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `snakemake` on the smoke configuration: all of the default build, tiny."""
    folder = copy_project(tmp_path_factory.mktemp("built") / "project")
    command(folder, "snakemake", "--configfile", "config/smoke.yaml")
    return folder
