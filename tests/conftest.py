from __future__ import annotations

from pathlib import Path

import pytest
from helpers.corpus import tokenize_corpus
from helpers.project import command, copy_project
from helpers.slow import SLOW, TESTS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests below SLOW as slow.

    With several processes (`-n 2 --dist loadgroup`), the tests of a file share one, and those with
    Slurm too, because a machine runs one test Slurm. The slow ones start first.
    """
    slow = [TESTS / path for path in SLOW]
    for item in items:
        if any(item.path.is_relative_to(path) for path in slow):
            item.add_marker(pytest.mark.slow)
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            path = item.path.relative_to(TESTS)
            group = "slurm" if path.parts[0] == "slurm" else str(path)
            item.add_marker(pytest.mark.xdist_group(group))
        if config.getoption("dist", "no") != "no" or hasattr(config, "workerinput"):
            items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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
