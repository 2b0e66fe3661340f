"""A table as HTML, sortable by each column: a page of its own, and a section of the index page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sedd.report.page.write_page import own_script, write_page
from sedd.report.table import layout, notes
from sedd.report.table.fill import NOT_RUN, Origin, Table
from sedd.report.table.layout import DASH, GROUPS, Block, Style

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
class HtmlBlock:
    """Rows under common headings. The first `num_labels` columns are text."""

    title: str
    headings: list[str]
    num_labels: int
    rows: list[HtmlRow]


@dataclass(frozen=True)
class HtmlTable:
    """Content of templates/tables.html. Blocks `published` and lines `missing` are folded away."""

    name: str
    title: str
    blocks: list[HtmlBlock]
    published: HtmlBlock | None
    missing: list[str]
    missing_title: str
    compared_headings: list[str]
    compared: list[HtmlRow]
    quantity: str
    note: str
    legend: list[str]
    rule: str
    source: tuple[str, str] | None
    origins: list[str]


def html_table(table: Table) -> HtmlTable:
    """Numbers, comparison, notes and origins of a table, formatted for the template."""
    published = layout.published(table, STYLE)
    labels = layout.label_headings(table)
    return HtmlTable(
        name=table.name,
        title=table.config.title,
        blocks=[_block(block, block.title) for block in layout.measured(table, STYLE)],
        published=_block(published, notes.published_title(table)) if published else None,
        missing=notes.missing(table, STYLE),
        missing_title=notes.missing_title(table),
        compared_headings=[*labels, *COMPARED],
        compared=_compared(table, len(labels)),
        quantity=table.metric.description,
        note=table.config.note,
        legend=notes.legend(table, STYLE),
        rule=notes.verdict_rule(table, STYLE),
        source=notes.source(table),
        origins=notes.origins(table, STYLE),
    )


def _block(block: Block, title: str) -> HtmlBlock:
    grid = block.grid
    lines = [line for _, group in grid.groups for line in group]
    rows = []
    for row, line in zip(block.rows, lines, strict=True):
        texts = zip(line[grid.num_labels :], block.columns, strict=True)
        cells = [HtmlCell(text, _sort(row.cells[at].value)) for text, at in texts]
        labels = [GROUPS[row.origin], *line[: grid.num_labels]]
        rows.append(HtmlRow(row.origin, labels, cells))
    return HtmlBlock(title, ["Measured by", *grid.headings], grid.num_labels + 1, rows)


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
