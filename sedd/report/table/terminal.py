"""A filled table as text for a terminal."""

from __future__ import annotations

import textwrap

from sedd.report.table import layout
from sedd.report.table.fill import Table
from sedd.report.table.layout import GROUPS, Grid, Style
from sedd.runtime.terminal import terminal_width, text_table

STYLE = Style(bound="<=", plus_minus="±", percent="%", escape=str)


def render_text(table: Table, width: int | None = None) -> str:
    """The numbers, the comparison with the paper, and the commands for missing numbers.

    width: of the longest line, in characters; by default the terminal's, 100 in a pipe. A wider
    table is split into blocks of columns. Each block repeats the model names and omits models
    without numbers in it.
    """
    width = width or terminal_width()
    source = f"Published: {layout.source(table)}."
    notes = [table.config.note, " ".join(layout.legend(table, STYLE)), source]
    parts = [
        f"{table.config.title} ({table.metric.description})",
        *_blocks(layout.numbers(table, STYLE), width),
        *(textwrap.fill(note, width) for note in notes),
    ]
    if compared := layout.comparisons(table, STYLE):
        rule = layout.verdict_rule(table, STYLE)
        parts += [*_blocks(compared, width), textwrap.fill(rule, width)]
    if lines := layout.missing(table, STYLE):
        commands = [textwrap.fill(line, width, subsequent_indent="  ") for line in lines]
        parts.append("\n".join(["How to measure what was not run", *commands]))
    return "\n\n".join(parts)


def _blocks(grid: Grid, width: int) -> list[str]:
    return [
        _text(layout.block(grid, columns), width) for columns in layout.column_blocks(grid, width)
    ]


def _text(grid: Grid, width: int) -> str:
    sections = [[[GROUPS[origin]], *rows] for origin, rows in grid.groups]
    return text_table(grid.headings, sections, num_labels=grid.num_labels, width=width)
