"""Markdown that is written by code: tables, and text that is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Alignment = Literal["left", "center", "right"]
RULES: dict[Alignment, str] = {"left": ":--", "center": ":-:", "right": "--:"}


def escape_markdown(text: str) -> str:
    """The text on one line, with a backslash before each character that Markdown would interpret."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


def markdown_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    align: Sequence[Alignment] | None = None,
) -> str:
    """A table of pipes, without a newline at its end.

    rows: cells in Markdown, as many in each row as there are headings. Line breaks become spaces, and a pipe that is
        not escaped yet is escaped; nothing else is, so that a cell may hold a link or bold text.
    align: one for each column; None: all left.
    """
    rules = [RULES[one] for one in align] if align else [RULES["left"]] * len(headings)
    assert all(len(row) == len(headings) == len(rules) for row in rows), "one cell a column"
    cells = [list(map(_cell, headings)), rules, *(list(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
