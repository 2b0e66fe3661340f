from __future__ import annotations

from pathlib import Path

import pytest
from helpers.report_project import lay_out


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folder of a test: a project without results."""
    monkeypatch.chdir(tmp_path)
    return lay_out(tmp_path)


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project folder for fixtures with module scope."""
    return lay_out(tmp_path_factory.mktemp("shared"))
