"""Tables as plain text, for a terminal, a pipe or a log."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from io import StringIO

from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table

from sedd.runtime.printable import printable


def terminal_width() -> int:
    """Width in characters: COLUMNS if set, otherwise the terminal's, otherwise 100."""
    return shutil.get_terminal_size((100, 24)).columns


def text_table(
    headings: Sequence[str],
    sections: Iterable[Iterable[Sequence[str]]],
    *,
    num_labels: int = 1,
    width: int | None = None,
) -> str:
    """A table of aligned columns, without colors and without a newline at its end.

    sections: groups of rows, with a line between groups. Missing cells at the end of a row are
        blank.
    num_labels: the first columns are text, aligned left; the others are numbers, aligned right.
    width: of the longest line, by default terminal_width(). Long cells are wrapped, never cut.
    """
    table = Table(box=HORIZONTALS, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(headings):
        justify = "left" if number < num_labels else "right"
        table.add_column(printable(heading), justify=justify, overflow="fold")
    for section in sections:
        for row in section:
            table.add_row(*map(printable, row))
        table.add_section()
    text = StringIO()
    # no markup: a cell may hold brackets
    console = Console(
        file=text,
        width=width or terminal_width(),
        color_system=None,
        force_terminal=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
