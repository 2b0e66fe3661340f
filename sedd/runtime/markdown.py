"""Markdown that is written by code: tables, and text that is shown as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from sedd.runtime.printable import printable

Alignment = Literal["left", "center", "right"]
RULES: dict[Alignment, str] = {"left": ":--", "center": ":-:", "right": "--:"}


def escape_markdown(text: str) -> str:
    """The text on one line, with a backslash before each character that Markdown would interpret.

    `$` and `~` are interpreted by GitHub and the hub. A list or a rule begins with a mark at the
    start of a line.
    """
    line = " ".join(printable(text).split())
    line = re.sub(r"([\\`*_{}\[\]<>#|~$]|&(?=#?\w+;))", r"\\\1", line)
    return re.sub(r"^(\d*)((?<!\d)[-+=]|[.)](?=\s|$))", r"\1\\\2", line)


def code(text: str) -> str:
    """The text on one line as code; backquotes in it do not end the code."""
    line = " ".join(printable(text).split())
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_block(text: str, language: str) -> str:
    """The text as a block of code, without a newline at its end."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{printable(text).rstrip()}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def markdown_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    align: Sequence[Alignment] | None = None,
) -> str:
    """A table of pipes, without a newline at its end.

    rows: cells in Markdown, as many in each row as there are headings. Line breaks become spaces,
        and a pipe that is not escaped yet is escaped; nothing else is, so that a cell may hold a
        link or bold text.
    align: one for each column; None: all left.
    """
    rules = [RULES[one] for one in align] if align else [RULES["left"]] * len(headings)
    assert all(len(row) == len(headings) == len(rules) for row in rows), "one cell a column"
    cells = [list(map(_cell, headings)), rules, *(list(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
