"""Parts of a table: what was measured here comes first, and what is not comparable stands apart.

The first part has our numbers, the baselines, and the published rows that a measured row of ours
reproduces. Numbers of another judge, split, protocol or convention have a part of their own, so that
they share no column with published ones. Other published rows, and rows without a number, are left
to the format: folded away, or named in a note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sedd.report.table.fill import NOT_PUBLISHED, NOT_RUN, Cell, Origin, Row, Table
from sedd.report.table.impossible import IMPOSSIBLE

ORIGINS: tuple[Origin, ...] = ("ours", "baseline", "published")


@dataclass(frozen=True)
class Part:
    """Rows with numbers that compare within each column.

    apart: why they do not compare with published numbers; empty in the first part.
    columns: indices of the columns with a number. rows: by origin, each in the table's order.
    """

    apart: str
    columns: list[int]
    rows: list[Row]


def measured_parts(table: Table) -> list[Part]:
    """Every part with a number that was measured; none before the first measurement."""
    measured = [row for row in table.rows if row.origin != "published" and _is_filled(row)]
    reproduced = {(row.compared_to, row.size) for row in measured if _is_compared(row)}
    published = [row for row in _published(table) if (row.label, row.size) in reproduced]
    reasons = dict.fromkeys(cell.apart for row in measured for cell in row.cells if _has(cell))
    return [
        _part(apart, [*measured, *(published if not apart else [])])
        for apart in sorted(reasons, key=bool)
    ]


def other_published(table: Table) -> Part | None:
    """The published rows that no measured row reproduces."""
    shown = {id(row) for part in measured_parts(table) for row in part.rows}
    rows = [row for row in _published(table) if id(row) not in shown]
    return _part("", rows) if rows else None


def rows_not_run(table: Table) -> list[Row]:
    """Rows of ours and baselines without any number."""
    return [row for row in table.rows if row.origin != "published" and not _is_filled(row)]


def in_order(table: Table) -> list[Row]:
    """All rows: measured ones first, then published ones, then those without a number."""
    measured = [row for row in table.rows if row.origin != "published" and _is_filled(row)]
    ours = [row for origin in ORIGINS for row in measured if row.origin == origin]
    return [*ours, *_published(table), *rows_not_run(table)]


def _published(table: Table) -> list[Row]:
    return [row for row in table.rows if row.origin == "published"]


def _part(apart: str, rows: list[Row]) -> Part:
    ordered = [row for origin in ORIGINS for row in rows if row.origin == origin]
    kept = [row for row in (_of_part(row, apart) for row in ordered) if _is_filled(row)]
    columns = [
        column
        for column in range(len(ordered[0].cells))
        if any(_has(row.cells[column]) for row in kept)
    ]
    return Part(apart, columns, kept)


def _of_part(row: Row, apart: str) -> Row:
    """The row without its numbers of other parts; the same row if it has none."""
    if all(cell.apart == apart or not _has(cell) for cell in row.cells):
        return row
    cells = [
        cell if cell.apart == apart or not _has(cell) else Cell(cell.decimals) for cell in row.cells
    ]
    return replace(row, cells=cells)


def _is_compared(row: Row) -> bool:
    return any(one is not None and one.difference is not None for one in row.comparisons)


def _is_filled(row: Row) -> bool:
    return any(map(_has, row.cells))


def _has(cell: Cell) -> bool:
    """Whether the cell has a number, or says why one that was measured is left out."""
    left_empty = ("", NOT_RUN, NOT_PUBLISHED, *IMPOSSIBLE)
    return cell.value is not None or cell.why_missing not in left_empty
