from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiment_file import SHIPPED

from sedd.config import load_experiment
from sedd.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with the shipped configuration, which the test runs in and may change."""
    shutil.copytree(SHIPPED, tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Callable[[str], None]:
    """Writes config/experiments/mine.yaml."""

    def written(text: str) -> None:
        (here / "config/experiments/mine.yaml").write_text(text, encoding="utf-8")

    return written


@pytest.fixture
def problems(write: Callable[[str], None]) -> Callable[..., list[str]]:
    """What is said of an experiment file, line by line; an empty list if it is right."""

    def told(text: str, *overrides: str) -> list[str]:
        write(text)
        try:
            load_experiment("mine", overrides, rename="other" if overrides else None)
        except ConfigError as error:
            return [str(problem) for problem in error.problems]
        return []

    return told
