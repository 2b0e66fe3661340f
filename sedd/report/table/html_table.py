"""A table as HTML: as a page of its own, and as a part of the front page. Each column can be sorted by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sedd.report.page.page import own_script, write_page
from sedd.report.table import layout
from sedd.report.table.fill import NOT_RUN, Origin, Table
from sedd.report.table.layout import DASH, GROUPS, Style

STYLE = Style(bound="≤", plus_minus="±", percent="%", escape=str)  # the template escapes


@dataclass(frozen=True)
class HtmlCell:
    """text as it is read, and the number by which a column is sorted; empty if there is none."""

    text: str
    sort: str = ""


@dataclass(frozen=True)
class HtmlRow:
    origin: Origin
    labels: list[str]
    cells: list[HtmlCell]


@dataclass(frozen=True)
class HtmlTable:
    """headings: the first `num_labels` stand above text, the others above numbers."""

    name: str
    title: str
    headings: list[str]
    num_labels: int
    rows: list[HtmlRow]
    compared_headings: list[str]
    compared: list[HtmlRow]
    quantity: str
    note: str
    legend: list[str]
    rule: str
    source: str
    url: str
    origins: list[str]


def html_table(table: Table) -> HtmlTable:
    """All that a page shows of a table."""
    grid = layout.numbers(table, STYLE)
    rows = [row for origin in GROUPS for row in table.rows if row.origin == origin]
    lines = [line for _, group in grid.groups for line in group]
    filled = []
    for row, line in zip(rows, lines, strict=True):
        texts = zip(line[grid.num_labels :], row.cells, strict=True)
        cells = [HtmlCell(text, _sort(cell.value)) for text, cell in texts]
        labels = [GROUPS[row.origin], *line[: grid.num_labels]]
        filled.append(HtmlRow(row.origin, labels, cells))
    return HtmlTable(
        name=table.name,
        title=table.config.title,
        headings=["Measured by", *grid.headings],
        num_labels=grid.num_labels + 1,
        rows=filled,
        compared_headings=[*grid.headings[: grid.num_labels], *COMPARED],
        compared=_compared(table, grid.num_labels),
        quantity=table.quantity.title,
        note=table.config.note,
        legend=layout.legend(table, STYLE),
        rule=layout.verdict_rule(table, STYLE),
        source=layout.source(table),
        url=table.config.source.url,
        origins=layout.origins(table, STYLE),
    )


COMPARED = ("Text", "Published", "Ours", "Difference", "Difference, %", "Verdict")


def _compared(table: Table, num_labels: int) -> list[HtmlRow]:
    """A row for each published number that one of ours reproduces."""
    rows = []
    decimals = table.quantity.decimals
    for row, column, cell, found in layout.compared_pairs(table):
        difference, share = DASH, DASH
        if found.difference is not None and found.relative is not None:
            difference, share = f"{found.difference:+.{decimals}f}", f"{found.relative:+.1%}"
        cells = [
            HtmlCell(f"{found.published:.{decimals}f}", _sort(found.published)),
            HtmlCell(layout.cell_text(cell, STYLE), _sort(cell.value)),
            HtmlCell(difference, _sort(found.difference)),
            HtmlCell(share, _sort(found.relative)),
            HtmlCell(found.verdict or NOT_RUN),
        ]
        labels = [row.label, row.size or ""][:num_labels]
        rows.append(HtmlRow("ours", [*labels, column.label], cells))
    return rows


def _sort(number: float | None) -> str:
    return "" if number is None else repr(number)


def write_html(table: Table, path: Path) -> Path:
    """The table as a page of its own."""
    return write_page("table.html", path, scripts=[own_script("sort")], table=html_table(table))
