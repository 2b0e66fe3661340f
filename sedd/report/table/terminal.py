"""A filled table as text for a terminal."""

from __future__ import annotations

import textwrap

from sedd.report.table import layout, notes
from sedd.report.table.fill import Table
from sedd.report.table.layout import GROUPS, Block, Grid, Style
from sedd.runtime.terminal import terminal_width, text_table

STYLE = Style(bound="<=", plus_minus="±", percent="%", escape=str)


def render_text(table: Table, width: int | None = None) -> str:
    """What was measured, other published numbers, the comparison, and commands for missing numbers.

    width: of the longest line, in characters; by default the terminal's, 100 in a pipe. A wider
    table is split into blocks of columns. Each block repeats the model names and omits models
    without numbers in it.
    """
    width = width or terminal_width()
    blocks = layout.measured(table, STYLE)
    others = [block] if (block := layout.published(table, STYLE)) else []
    sentences = [table.config.note, " ".join(notes.legend(table, STYLE))]
    if source := notes.source(table):
        sentences.append(f"Published: {source[0]}.")
    parts = [
        f"{table.config.title} ({table.metric.description})",
        *(text for block in blocks for text in _titled(block, width)),
        *([] if blocks else [notes.NOTHING]),
        *(text for block in others for text in _titled(block, width)),
        *(textwrap.fill(sentence, width) for sentence in sentences),
    ]
    if compared := layout.comparisons(table, STYLE):
        rule = notes.verdict_rule(table, STYLE)
        parts += [*_blocks(compared, width), textwrap.fill(rule, width)]
    if lines := notes.missing(table, STYLE):
        commands = [textwrap.fill(line, width, subsequent_indent="  ") for line in lines]
        parts.append("\n".join([notes.missing_title(table), *commands]))
    return "\n\n".join(parts)


def _titled(block: Block, width: int) -> list[str]:
    title = [textwrap.fill(block.title, width)] if block.title else []
    return [*title, *_blocks(block.grid, width)]


def _blocks(grid: Grid, width: int) -> list[str]:
    return [
        _text(layout.block(grid, columns), width) for columns in layout.column_blocks(grid, width)
    ]


def _text(grid: Grid, width: int) -> str:
    sections = [[[GROUPS[origin]], *rows] for origin, rows in grid.groups]
    return text_table(grid.headings, sections, num_labels=grid.num_labels, width=width)
