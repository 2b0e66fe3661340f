"""A table as HTML, sortable by each column: a page of its own, and a section of the index page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sedd.report.page.write_page import own_script, write_page
from sedd.report.table import layout
from sedd.report.table.fill import NOT_RUN, Origin, Table
from sedd.report.table.layout import DASH, GROUPS, Style

STYLE = Style(bound="≤", plus_minus="±", percent="%", escape=str)  # the template engine escapes


@dataclass(frozen=True)
class HtmlCell:
    """text: as shown. sort: the number by which the column is sorted; empty without a number."""

    text: str
    sort: str = ""


@dataclass(frozen=True)
class HtmlRow:
    origin: Origin
    labels: list[str]
    cells: list[HtmlCell]


@dataclass(frozen=True)
class HtmlTable:
    """Content of templates/tables.html. The first `num_labels` columns are text."""

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
    """Numbers, comparison, notes and origins of a table, formatted for the template."""
    grid = layout.numbers(table, STYLE)
    rows = [row for origin in GROUPS for row in table.rows if row.origin == origin]
    lines = [line for _, group in grid.groups for line in group]
    html_rows = []
    for row, line in zip(rows, lines, strict=True):
        texts = zip(line[grid.num_labels :], row.cells, strict=True)
        cells = [HtmlCell(text, _sort(cell.value)) for text, cell in texts]
        labels = [GROUPS[row.origin], *line[: grid.num_labels]]
        html_rows.append(HtmlRow(row.origin, labels, cells))
    return HtmlTable(
        name=table.name,
        title=table.config.title,
        headings=["Measured by", *grid.headings],
        num_labels=grid.num_labels + 1,
        rows=html_rows,
        compared_headings=[*grid.headings[: grid.num_labels], *COMPARED],
        compared=_compared(table, grid.num_labels),
        quantity=table.metric.description,
        note=table.config.note,
        legend=layout.legend(table, STYLE),
        rule=layout.verdict_rule(table, STYLE),
        source=layout.source(table),
        url=table.config.source.url,
        origins=layout.origins(table, STYLE),
    )


COMPARED = ("Text", "Published", "Ours", "Difference", "Difference, %", "Verdict")


def _compared(table: Table, num_labels: int) -> list[HtmlRow]:
    """A row for each cell of ours that reproduces a published number."""
    rows = []
    decimals = table.metric.decimals
    for row, column, cell, comparison in layout.compared_pairs(table):
        difference, relative = DASH, DASH
        if comparison.difference is not None and comparison.relative is not None:
            difference = f"{comparison.difference:+.{decimals}f}"
            relative = f"{comparison.relative:+.1%}"
        cells = [
            HtmlCell(f"{comparison.published:.{decimals}f}", _sort(comparison.published)),
            HtmlCell(layout.cell_text(cell, STYLE), _sort(cell.value)),
            HtmlCell(difference, _sort(comparison.difference)),
            HtmlCell(relative, _sort(comparison.relative)),
            HtmlCell(comparison.verdict or NOT_RUN),
        ]
        labels = [row.label, row.size or ""][:num_labels]
        rows.append(HtmlRow("ours", [*labels, column.label], cells))
    return rows


def _sort(number: float | None) -> str:
    return "" if number is None else repr(number)


def write_html(table: Table, path: Path) -> Path:
    """Write the table as a page of its own and return `path`."""
    return write_page("table.html", path, scripts=[own_script("sort")], table=html_table(table))
