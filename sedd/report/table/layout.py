"""Lay out a filled table as grids of strings, in the typography of an output format.

Every format shows the same content: the numbers, grouped by who measured them; the comparison of
our numbers with the published ones; and the origin of each of our numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from sedd.config.table import Column
from sedd.report.table.fill import NOT_PUBLISHED, NOT_RUN, Cell, Comparison, Origin, Row, Table
from sedd.report.table.finding import findings
from sedd.results.generative import GenerativeResult

GROUPS: dict[Origin, str] = {
    "published": "published",
    "ours": "ours",
    "baseline": "baseline",
}
DASH = "–"  # in place of a number that the paper does not give


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


def numbers(table: Table, style: Style) -> Grid:
    """Published numbers, our numbers and baselines, one row for each model."""
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
    """Ours minus published, absolute and in percent, with the verdict.

    Only rows that reproduce a published row, and columns with a published number. None without
    such rows.
    """
    rows = [row for row in table.rows if row.compared_to is not None]
    if not rows:
        return None
    columns = [
        column
        for column in range(len(table.config.columns))
        if any(row.comparisons[column] is not None for row in rows)
    ]
    decimals = table.metric.decimals
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
    """Every cell of ours that reproduces a published number, measured or not."""
    return [
        (row, column, cell, comparison)
        for row in table.rows
        for column, cell, comparison in zip(
            table.config.columns.values(), row.cells, row.comparisons, strict=True
        )
        if comparison is not None
    ]


def cell_text(cell: Cell, style: Style) -> str:
    """`<= 51.20 ± 0.31`, or the reason for a missing number."""
    if cell.value is None:
        return style.escape(DASH if cell.why_missing == NOT_PUBLISHED else cell.why_missing)
    text = f"{cell.value:.{cell.decimals}f}"
    if cell.bound:
        text = f"{style.bound} {text}"
    if cell.standard_error is not None:
        text = f"{text} {style.plus_minus} {cell.standard_error:.{cell.decimals}f}"
    if cell.entropy_bits is not None:
        inside = [style.number(f"{cell.entropy_bits:.2f}")]
        if isinstance(cell.evaluation, GenerativeResult) and cell.evaluation.network_calls:
            inside.append(style.number(f"{cell.evaluation.network_calls:.1f}"))
        return f"{style.number(text)} [{', '.join(inside)}]"
    return style.number(text)


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


def legend(table: Table, style: Style) -> list[str]:
    """One sentence for each sign that occurs in the table, and what its numbers show."""
    cells = [cell for row in table.rows for cell in row.cells]
    sentences = []
    if any(cell.bound for cell in cells):
        sentences.append(f"{style.bound}: upper bound.")
    if any(cell.standard_error is not None for cell in cells):
        sentences.append(f"{style.plus_minus}: one standard error over {table.metric.error_over}.")
    if any(cell.entropy_bits is not None for cell in cells):
        sentences.append(
            "[ ]: entropy of the token frequencies within a text, in bits; and the network calls "
            "that a text took, if they were counted."
        )
    judged = [cell.evaluation for cell in cells if isinstance(cell.evaluation, GenerativeResult)]
    for convention in dict.fromkeys(one.convention for one in judged):
        sentences.append(
            f"Our numbers have the convention {convention}: {CONVENTIONS[convention]}."
        )
    sentences += map(style.escape, findings(table))
    if any(cell.why_missing == NOT_RUN for cell in cells):
        sentences.append(f"{NOT_RUN}: not measured in this build.")
    if any(cell.why_missing == NOT_PUBLISHED for cell in cells):
        sentences.append(f"{DASH}: the paper gives no number.")
    return sentences


CONVENTIONS = {
    "every_token": "all tokens of a text but the first are scored",
    "first_eos": "as in MDLM and Duo, no end of text after the first is scored, and texts are cut to "
    "the length of the judge",
}


def verdict_rule(table: Table, style: Style) -> str:
    """A sentence that explains matches, better, worse and the reasons of no comparison."""
    tolerance = 100 * (table.config.tolerance or 0)
    better = "lower" if table.metric.is_better_low else "higher"
    other = "other judge: the published number was measured with another judge."
    if not table.metric.has_judge:
        other = (
            "other split, other protocol: the published number was measured on another split "
            "or with another evaluation.protocol."
        )
    return (
        f"Difference: ours minus published. matches: the difference is at most {tolerance:g} "
        f"{style.percent} of the published number plus two standard errors of ours. better, worse: "
        f"the difference is larger; {better} numbers are better. "
        f"{other} Such numbers are not compared."
    )


def origins(table: Table, style: Style) -> list[str]:
    """One line for each number of ours: checkpoint, data, device, seed, hashes and code."""
    lines = []
    for row in table.rows:
        for cell, column in zip(row.cells, table.config.columns.values(), strict=True):
            measurement = cell.evaluation
            if row.origin != "ours" or measurement is None:
                continue
            by = measurement.provenance
            lines.append(
                style.escape(
                    f"{row.label}, {column.label}: {measurement.experiment} at step "
                    f"{measurement.step}, {measurement.what()}; {by.device}, {by.seconds:g} s, "
                    f"seed {by.seed}, "
                    f"checkpoint {by.checkpoint_sha256[:12]}, settings {by.config_sha256[:12]}, "
                    f"code {by.code_version}"
                )
            )
    return lines


def source(table: Table) -> str:
    """Papers and tables of the published numbers, without their URLs."""
    sources = [table.config.source, *(row.source for row in table.rows if row.source)]
    names = [f"{one.paper}, arXiv:{one.arxiv}, {_table_name(one.table)}" for one in sources]
    return "; ".join(dict.fromkeys(names))


def _table_name(table: str) -> str:
    """`Table 7` for `7`; other names stay."""
    return f"Table {table}" if table.isdecimal() else table


def missing(table: Table, style: Style) -> list[str]:
    """One line for each kind of missing number of ours, with the commands that measure it."""
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
    columns: Sequence[int],
) -> Grid:
    labels = ["Model", *(["Size"] if _has_sizes(table) else [])]
    texts = list(table.config.columns.values())
    headings = [style.escape(texts[number].label) for number in columns]
    return Grid(headings=labels + headings, groups=groups, num_labels=len(labels))
