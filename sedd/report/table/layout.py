"""Lay a filled table out as grids of strings, in the typography of the form that is written.

Every form shows the same: the numbers, grouped by who measured them; the comparison of ours with
the published ones; and, for each number of ours, where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from sedd.config.table import Column
from sedd.report.table.fill import NOT_PUBLISHED, NOT_RUN, Cell, Comparison, Origin, Row, Table

GROUPS: dict[Origin, str] = {
    "published": "published",
    "ours": "ours",
    "baseline": "baseline",
}


DASH = "–"  # the paper has no number here
SPREAD = {
    "perplexity": " over sequences and times",
    "bits_per_character": " over sequences and times",
    "generative_perplexity": " over texts",
    "mauve": " over the texts written for each real one",
}


@dataclass(frozen=True)
class Style:
    """How a form spells numbers and text."""

    bound: str  # before an upper bound
    plus_minus: str  # before a standard error
    percent: str
    escape: Callable[[str], str]
    number: Callable[[str], str] = str  # around a finished number


@dataclass(frozen=True)
class Grid:
    """Headings, and lines of cells by group. The first `num_labels` columns are text."""

    headings: list[str]
    groups: list[tuple[Origin, list[list[str]]]]
    num_labels: int


def numbers(table: Table, style: Style) -> Grid:
    """The table itself."""
    groups = []
    for origin in GROUPS:
        rows = [row for row in table.rows if row.origin == origin]
        lines = [
            _labels(table, row, style) + [cell_text(cell, style) for cell in row.cells]
            for row in rows
        ]
        if lines:
            groups.append((origin, lines))
    return _grid(table, style, groups, range(len(table.config.columns)))


def comparisons(table: Table, style: Style) -> Grid | None:
    """Ours minus published, as number and per cent, and the verdict, where the paper has a number.

    None if no row is compared.
    """
    rows = [row for row in table.rows if row.compared_to is not None]
    if not rows:
        return None
    columns = [
        number
        for number in range(len(table.config.columns))
        if any(row.comparisons[number] is not None for row in rows)
    ]
    decimals = table.quantity.decimals
    lines = [
        _labels(table, row, style)
        + [comparison_text(row.comparisons[number], decimals, style) for number in columns]
        for row in rows
    ]
    return _grid(table, style, [("ours", lines)], columns)


def column_blocks(grid: Grid, width: int) -> list[list[int]]:
    """The grid's columns in blocks that each begin with the labels and are at most `width` characters wide.

    A column that is wider by itself has a block of its own.
    """
    lines = [grid.headings, *chain.from_iterable(rows for _, rows in grid.groups)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    labels = list(range(grid.num_labels))
    blocks = [list(labels)]
    for column in range(grid.num_labels, len(widths)):
        wide = sum(widths[number] + 2 for number in [*blocks[-1], column]) - 2
        if wide > width and blocks[-1] != labels:
            blocks.append(list(labels))
        blocks[-1].append(column)
    return blocks


def block(grid: Grid, columns: Sequence[int], dash: str = DASH) -> Grid:
    """Some columns of a grid, without the lines that have nothing but dashes there."""
    told = columns[grid.num_labels :]
    groups = []
    for origin, lines in grid.groups:
        kept = [line for line in lines if {line[at] for at in told} - {dash}]
        if kept:
            groups.append((origin, [[line[at] for at in columns] for line in kept]))
    return Grid([grid.headings[at] for at in columns], groups, grid.num_labels)


def compared_pairs(table: Table) -> list[tuple[Row, Column, Cell, Comparison]]:
    """Each number of ours beside the published one that it reproduces, whether it was measured or not."""
    return [
        (row, column, cell, found)
        for row in table.rows
        for column, cell, found in zip(
            table.config.columns.values(), row.cells, row.comparisons, strict=True
        )
        if found is not None
    ]


def cell_text(cell: Cell, style: Style) -> str:
    """`<= 51.20 ± 0.31`, or why there is no number."""
    if cell.value is None:
        return style.escape(DASH if cell.why_missing == NOT_PUBLISHED else cell.why_missing)
    text = f"{cell.value:.{cell.decimals}f}"
    if cell.bound:
        text = f"{style.bound} {text}"
    if cell.standard_error is not None:
        text = f"{text} {style.plus_minus} {cell.standard_error:.{cell.decimals}f}"
    if cell.entropy_bits is not None:
        return f"{style.number(text)} [{style.number(f'{cell.entropy_bits:.2f}')}]"
    return style.number(text)


def comparison_text(found: Comparison | None, decimals: int, style: Style) -> str:
    """`+0.28 (+0.5 %), matches`; a dash where the paper has no number to compare with."""
    if found is None:
        return style.escape(DASH)
    if found.verdict is None:
        return style.escape(NOT_RUN)
    if found.difference is None or found.relative is None:
        return style.escape(found.verdict)
    difference = style.number(f"{found.difference:+.{decimals}f}")
    share = style.number(f"{100 * found.relative:+.1f}") + f" {style.percent}"
    return f"{difference} ({share}), {style.escape(found.verdict)}"


def legend(table: Table, style: Style) -> list[str]:
    """One sentence for each sign that the table uses."""
    cells = [cell for row in table.rows for cell in row.cells]
    sentences = []
    if any(cell.bound for cell in cells):
        sentences.append(f"{style.bound}: an upper bound.")
    if any(cell.standard_error is not None for cell in cells):
        sentences.append(f"{style.plus_minus}: one standard error{SPREAD[table.config.metric]}.")
    if any(cell.entropy_bits is not None for cell in cells):
        sentences.append("[ ]: entropy of a text's own token frequencies, in bits.")
    if any(cell.why_missing == NOT_RUN for cell in cells):
        sentences.append(f"{NOT_RUN}: not measured in this build.")
    if any(cell.why_missing == NOT_PUBLISHED for cell in cells):
        sentences.append(f"{DASH}: the paper gives no number.")
    return sentences


def verdict_rule(table: Table, style: Style) -> str:
    """What the verdicts mean, in one sentence."""
    tolerance = 100 * (table.config.tolerance or 0)
    better = "smaller" if table.quantity.is_better_low else "larger"
    other = "judge: the published number is by another judge"
    if table.config.metric in ("perplexity", "bits_per_character"):
        other = "split, protocol: the published number is of another part of the text, or counts its empty rows"
    return (
        f"Ours minus published. It matches within {tolerance:g} {style.percent} of the published "
        f"number, widened by two standard errors of ours; {better} is better. "
        f"other {other}, and is not compared."
    )


def origins(table: Table, style: Style) -> list[str]:
    """One line for each number of ours: what was measured, on how much, and with what."""
    lines = []
    for row in table.rows:
        for cell, column in zip(row.cells, table.config.columns.values(), strict=True):
            found = cell.evaluation
            if row.origin != "ours" or found is None:
                continue
            by = found.provenance
            lines.append(
                style.escape(
                    f"{row.label}, {column.label}: {found.experiment} at step {found.step}, "
                    f"{found.what()}; {by.device}, {by.seconds:g} s, seed {by.seed}, "
                    f"checkpoint {by.checkpoint_sha256[:12]}, settings {by.config_sha256[:12]}, "
                    f"code {by.code_version}"
                )
            )
    return lines


def source(table: Table) -> str:
    """Where the published numbers were read, without the address."""
    sources = [table.config.source, *(row.source for row in table.rows if row.source)]
    told = [f"{one.paper}, arXiv:{one.arxiv}, {place(one.table)}" for one in sources]
    return "; ".join(dict.fromkeys(told))


def place(table: str) -> str:
    """A number of the paper's is that of a table; anything else says itself."""
    return f"Table {table}" if table.isdecimal() else table


def missing(table: Table, style: Style) -> list[str]:
    """One line for each kind of number that a row of ours lacks, with the commands that make it."""
    return [
        style.escape(f"{row.label}{f' ({row.size})' if row.size else ''}, {line}")
        for row in table.rows
        for line in row.missing
    ]


def _has_sizes(table: Table) -> bool:
    return any(row.size is not None for row in table.rows)


def _labels(table: Table, row: Row, style: Style) -> list[str]:
    size = [style.escape(row.size or "")] if _has_sizes(table) else []
    return [style.escape(row.label), *size]


def _grid(
    table: Table,
    style: Style,
    groups: list[tuple[Origin, list[list[str]]]],
    columns: Iterable[int],
) -> Grid:
    labels = ["Model", *(["Size"] if _has_sizes(table) else [])]
    texts = list(table.config.columns.values())
    headings = [style.escape(texts[number].label) for number in columns]
    return Grid(headings=labels + headings, groups=groups, num_labels=len(labels))
