"""A table as a Markdown page: note, numbers, comparison, and the origin of our numbers."""

from __future__ import annotations

from sedd.report.table import layout
from sedd.report.table.fill import Table
from sedd.report.table.layout import GROUPS, Grid, Style
from sedd.runtime.markdown import Alignment, markdown_table
from sedd.runtime.markdown import escape_markdown as escape

STYLE = Style(bound="≤", plus_minus="±", percent="%", escape=escape)
MEASURED_BY = {**GROUPS, "ours": f"**{GROUPS['ours']}**"}


def render_markdown(table: Table) -> str:
    config = table.config
    parts = [
        f"# {escape(config.title)}",
        escape(config.note),
        _table(layout.numbers(table, STYLE)),
        f"{table.metric.description.capitalize()}. {' '.join(layout.legend(table, STYLE))}",
        f"Published: [{escape(layout.source(table))}]({config.source.url}).",
    ]
    if compared := layout.comparisons(table, STYLE):
        rule = layout.verdict_rule(table, STYLE)
        parts += ["## Our numbers and the published ones", rule, _table(compared)]
    if lines := layout.origins(table, STYLE):
        parts += ["## Origin of our numbers", "\n".join(f"- {line}" for line in lines)]
    if lines := layout.missing(table, STYLE):
        parts += ["## How to measure what was not run", "\n".join(f"- {line}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _table(grid: Grid) -> str:
    headings = ["Measured by", *grid.headings]
    align: list[Alignment] = [
        "left" if column <= grid.num_labels else "right" for column in range(len(headings))
    ]
    rows = [[MEASURED_BY[origin], *row] for origin, rows in grid.groups for row in rows]
    return markdown_table(headings, rows, align)
