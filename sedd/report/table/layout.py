"""Lay out a filled table as grids of strings, in the typography of an output format.

Every format shows the same content: what was measured, then the comparison of our numbers with the
published ones, and the sentences of `sedd.report.table.notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from sedd.config.table import Column
from sedd.report.table.fill import NOT_PUBLISHED, NOT_RUN, Cell, Comparison, Origin, Row, Table
from sedd.report.table.impossible import IMPOSSIBLE
from sedd.report.table.parts import (
    ORIGINS,
    Part,
    measured_parts,
    other_published,
)
from sedd.results.generative import GenerativeResult

GROUPS: dict[Origin, str] = {
    "published": "published",
    "ours": "ours",
    "baseline": "baseline",
}
DASH = "–"  # in place of a number that cannot be measured, or that the paper does not give


@dataclass(frozen=True)
class Style:
    """Typography of an output format.

    bound, plus_minus: signs before an upper bound and before a standard error.
    escape: applied to text. number: applied to a formatted number.
    """

    bound: str
    plus_minus: str
    percent: str
    escape: Callable[[str], str]
    number: Callable[[str], str] = str


@dataclass(frozen=True)
class Grid:
    """Headings, and rows of cells by group. The first `num_labels` columns are text."""

    headings: list[str]
    groups: list[tuple[Origin, list[list[str]]]]
    num_labels: int


@dataclass(frozen=True)
class Block:
    """A grid with a title, empty for the first part of a table. rows: of the grid, in order."""

    title: str
    grid: Grid
    rows: list[Row]
    columns: list[int]


def measured(table: Table, style: Style) -> list[Block]:
    """What was measured: our numbers, baselines, and the published rows that ours reproduce.

    Numbers that compare with no published one are in a block of their own.
    """
    return [_block(table, style, part) for part in measured_parts(table)]


def published(table: Table, style: Style) -> Block | None:
    """The published rows without a measured counterpart."""
    part = other_published(table)
    return _block(table, style, part) if part else None


def _block(table: Table, style: Style, part: Part) -> Block:
    lines = [
        (
            row.origin,
            _labels(table, row, style) + [cell_text(row.cells[at], style) for at in part.columns],
        )
        for row in part.rows
    ]
    groups: list[tuple[Origin, list[list[str]]]] = [
        (origin, [line for other, line in lines if other == origin])
        for origin in ORIGINS
        if any(other == origin for other, _ in lines)
    ]
    title = f"{part.apart.capitalize()}: compare only within this part" if part.apart else ""
    return Block(title, _grid(table, style, groups, part.columns), part.rows, part.columns)


def comparisons(table: Table, style: Style) -> Grid | None:
    """Ours minus published, absolute and in percent, with the verdict.

    Only measured rows that reproduce a published row, and columns with a published number. None
    without such rows.
    """
    pairs = compared_pairs(table)
    if not pairs:
        return None
    labels = {column.label for _, column, _, _ in pairs}
    columns = [
        number
        for number, column in enumerate(table.config.columns.values())
        if column.label in labels
    ]
    decimals = table.metric.decimals
    rows = {id(row): row for row, *_ in pairs}.values()
    lines = [
        _labels(table, row, style)
        + [comparison_text(row.comparisons[column], decimals, style) for column in columns]
        for row in rows
    ]
    return _grid(table, style, [("ours", lines)], columns)


def column_blocks(grid: Grid, width: int) -> list[list[int]]:
    """Column indices of blocks that are at most `width` characters wide.

    Every block starts with the label columns. A column that alone is too wide gets its own block.
    """
    lines = [grid.headings, *chain.from_iterable(rows for _, rows in grid.groups)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    labels = list(range(grid.num_labels))
    blocks = [list(labels)]
    for column in range(grid.num_labels, len(widths)):
        total = sum(widths[at] + 2 for at in [*blocks[-1], column]) - 2
        if total > width and blocks[-1] != labels:
            blocks.append(list(labels))
        blocks[-1].append(column)
    return blocks


def block(grid: Grid, columns: Sequence[int], dash: str = DASH) -> Grid:
    """Some columns of a grid, without rows that hold only dashes in these columns."""
    shown = columns[grid.num_labels :]
    groups = []
    for origin, lines in grid.groups:
        kept = [line for line in lines if {line[at] for at in shown} - {dash}]
        if kept:
            groups.append((origin, [[line[at] for at in columns] for line in kept]))
    return Grid([grid.headings[at] for at in columns], groups, grid.num_labels)


def compared_pairs(table: Table) -> list[tuple[Row, Column, Cell, Comparison]]:
    """Every measured cell of ours that reproduces a published number."""
    return [
        (row, column, cell, comparison)
        for row in table.rows
        for column, cell, comparison in zip(
            table.config.columns.values(), row.cells, row.comparisons, strict=True
        )
        if comparison is not None and comparison.verdict is not None
    ]


def cell_text(cell: Cell, style: Style) -> str:
    """`<= 51.20 ± 0.31`, or the reason for a missing number."""
    if cell.value is None:
        is_dash = cell.why_missing in (NOT_PUBLISHED, *IMPOSSIBLE)
        why = style.escape(DASH if is_dash else cell.why_missing)
        return f"{style.bound} {why}" if cell.bound else why
    text = f"{cell.value:.{cell.decimals}f}"
    if cell.bound:
        text = f"{style.bound} {text}"
    if cell.standard_error is not None:
        text = f"{text} {style.plus_minus} {cell.standard_error:.{cell.decimals}f}"
    text = style.number(text)
    if cell.num_seeds > 1:
        text = f"{text} (n = {cell.num_seeds})"
    if cell.entropy_bits is not None:
        inside = [style.number(f"{cell.entropy_bits:.2f}")]
        judged = cell.evaluation if isinstance(cell.evaluation, GenerativeResult) else None
        if judged is not None and judged.network_calls:
            inside.append(style.number(f"{judged.network_calls:.1f}"))
        if judged is not None and judged.mauve is not None:
            inside.append(f"MAUVE {style.number(f'{judged.mauve:.3f}')}")
        return f"{text} [{', '.join(inside)}]"
    return text


def comparison_text(comparison: Comparison | None, decimals: int, style: Style) -> str:
    """`+0.28 (+0.5 %), matches`; a dash without a published number."""
    if comparison is None:
        return style.escape(DASH)
    if comparison.verdict is None:
        return style.escape(NOT_RUN)
    if comparison.difference is None or comparison.relative is None:
        return style.escape(comparison.verdict)
    difference = style.number(f"{comparison.difference:+.{decimals}f}")
    relative = style.number(f"{100 * comparison.relative:+.1f}") + f" {style.percent}"
    return f"{difference} ({relative}), {style.escape(comparison.verdict)}"


def label_headings(table: Table) -> list[str]:
    """Headings of the columns that name a row."""
    return ["Model", *(["Size"] if _has_sizes(table) else [])]


def _has_sizes(table: Table) -> bool:
    return any(row.size is not None for row in table.rows)


def _labels(table: Table, row: Row, style: Style) -> list[str]:
    size = [style.escape(row.size or "")] if _has_sizes(table) else []
    return [style.escape(row.label), *size]


def _grid(
    table: Table,
    style: Style,
    groups: list[tuple[Origin, list[list[str]]]],
    columns: Sequence[int],
) -> Grid:
    labels = label_headings(table)
    texts = list(table.config.columns.values())
    headings = [style.escape(texts[number].label) for number in columns]
    return Grid(headings=labels + headings, groups=groups, num_labels=len(labels))
