"""Errors that the user can correct. The command exits with code 2 and prints no traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One problem in a configuration: its location, the value found, and the allowed values."""

    where: str
    what: str
    line: int | None = None

    def __str__(self) -> str:
        line = f"    [line {self.line}]" if self.line is not None else ""
        return f"{self.where}: {self.what}{line}"


class SeddError(Exception):
    """An error that the user can correct. The message gives location, cause and solution."""

    exit_code = 2


class ConfigError(SeddError):
    """All problems of one configuration file."""

    def __init__(self, source: str, problems: Sequence[Problem]):
        self.source = source
        self.problems = sorted(problems, key=lambda problem: (problem.line or 0, problem.where))
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        lines = [f"{source}: {count}"] + [f"  {problem}" for problem in self.problems]
        super().__init__("\n".join(lines))


class DataError(SeddError):
    """A missing, changed or malformed text, vocabulary or token file."""


class CheckpointError(SeddError):
    """A missing or damaged checkpoint, one with other settings, or one that cannot be written."""


class TrainingError(SeddError):
    """A training that cannot continue, because its loss or gradient is not finite."""


class JobError(SeddError):
    """A training job that could not be submitted, or that ended without its checkpoint."""


class LockError(SeddError):
    """A lock file that cannot be used."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message: torch and the hub add paragraphs of advice."""
    return (str(error).strip().splitlines() or ["no message"])[0]
