"""What a user can mend: errors that end a verb with exit code 2 and no traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend: where it is, what was found and what is allowed."""

    where: str
    what: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"    [line {self.line}]" if self.line is not None else ""
        return f"{self.where}: {self.what}{place}"


class SeddError(Exception):
    """A mistake that the user can mend. The message says where, what was found and the way out."""

    exit_code = 2


class ConfigError(SeddError):
    """Everything that is wrong in one configuration file, told at once."""

    def __init__(self, source: str, problems: Sequence[Problem]):
        self.source = source
        self.problems = sorted(problems, key=lambda problem: (problem.line or 0, problem.where))
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        lines = [f"{source}: {count}"] + [f"  {problem}" for problem in self.problems]
        super().__init__("\n".join(lines))


class DataError(SeddError):
    """A text, vocabulary or token file that is missing, changed or malformed."""


class CheckpointError(SeddError):
    """A checkpoint that is missing, damaged, or belongs to other settings."""


class JobError(SeddError):
    """A training job that cannot be sent, or that ended without what was waited for."""
