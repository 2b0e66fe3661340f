from __future__ import annotations

from pathlib import Path

import pytest
from project import command, copy_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project without results."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `snakemake` on the smoke configuration: everything of the default build, tiny."""
    folder = copy_project(tmp_path_factory.mktemp("built") / "project")
    command(folder, "snakemake", "--configfile", "config/smoke.yaml")
    return folder
