from __future__ import annotations

from pathlib import Path

import pytest
from helpers.corpus import tokenize_corpus
from helpers.project import command, copy_project


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
