from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiment_file import copy_config

from sedd.config import load_experiment
from sedd.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary project folder with the shipped configuration; it is the current folder."""
    copy_config(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Callable[[str], None]:
    """Function that writes config/experiments/mine.yaml."""

    def write_text(text: str) -> None:
        (here / "config/experiments/mine.yaml").write_text(text, encoding="utf-8")

    return write_text


@pytest.fixture
def problems(write: Callable[[str], None]) -> Callable[..., list[str]]:
    """Function that returns the problems of an experiment file; an empty list for a valid file."""

    def find_problems(text: str, *overrides: str) -> list[str]:
        write(text)
        try:
            load_experiment("mine", overrides, rename="other" if overrides else None)
        except ConfigError as error:
            return [str(problem) for problem in error.problems]
        return []

    return find_problems
