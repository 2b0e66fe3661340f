"""Write a filled table in each of its forms, and print it in a terminal."""

from __future__ import annotations

import textwrap
from itertools import chain
from pathlib import Path

from sedd.paths import table_stem
from sedd.report.table import layout
from sedd.report.table.csv_table import render_csv
from sedd.report.table.fill import Table
from sedd.report.table.html_table import write_html
from sedd.report.table.latex import render_latex
from sedd.report.table.layout import GROUPS, Grid, Style
from sedd.report.table.markdown import render_markdown
from sedd.runtime.atomic import write_text

FORMS = {"md": render_markdown, "csv": render_csv, "tex": render_latex}
TERMINAL = Style(bound="<=", plus_minus="±", percent="%", escape=str)


def write_table(table: Table, stem: Path | None = None) -> list[Path]:
    """Write STEM.md, STEM.csv, STEM.tex and STEM.html, each whole or not at all, and return them.

    stem: a path without its suffix; results/tables/NAME by default.
    """
    stem = stem or table_stem(table.name)
    paths = []
    for suffix, render in FORMS.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_text(path, render(table))
        paths.append(path)
    return [*paths, write_html(table, stem.with_name(f"{stem.name}.html"))]


def render_text(table: Table, width: int = 100) -> str:
    """For a terminal: aligned columns, a heading for each group, no line longer than `width`.

    A table that is wider goes on below with its next columns, the models named again, without those that have nothing there.
    """
    source = f"Published: {layout.source(table)}."
    notes = [table.config.note, " ".join(layout.legend(table, TERMINAL)), source]
    parts = [
        f"{table.config.title} ({table.quantity.title})",
        *_folded(layout.numbers(table, TERMINAL), width),
        *(textwrap.fill(note, width) for note in notes),
    ]
    if compared := layout.comparisons(table, TERMINAL):
        rule = layout.verdict_rule(table, TERMINAL)
        parts += [*_folded(compared, width), textwrap.fill(rule, width)]
    if lines := layout.missing(table, TERMINAL):
        told = [textwrap.fill(line, width, subsequent_indent="  ") for line in lines]
        parts.append("\n".join(["How to get what was not run", *told]))
    return "\n\n".join(parts)


def _folded(grid: Grid, width: int) -> list[str]:
    """The grid in blocks of columns, each at most `width` wide unless one column alone is wider."""
    blocks = layout.column_blocks(grid, width)
    return [_block(layout.block(grid, columns)) for columns in blocks]


def _block(grid: Grid) -> str:
    lines = [grid.headings, *chain.from_iterable(rows for _, rows in grid.groups)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def line(cells: list[str]) -> str:
        padded = [
            cell.ljust(wide) if number < grid.num_labels else cell.rjust(wide)
            for number, (cell, wide) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    text = [line(grid.headings)]
    for origin, rows in grid.groups:
        text += [f"{GROUPS[origin]} ".ljust(len(text[0]), "-"), *map(line, rows)]
    return "\n".join(text)
