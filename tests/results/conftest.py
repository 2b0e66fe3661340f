from __future__ import annotations

from pathlib import Path

import pytest
from helpers.report_project import lay_out


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a test, without results."""
    monkeypatch.chdir(tmp_path)
    return lay_out(tmp_path)
