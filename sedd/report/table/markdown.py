"""A table as a Markdown page: note, numbers, comparison, and the origin of our numbers.

What has no number of this project is folded away.
"""

from __future__ import annotations

from sedd.report.table import layout, notes
from sedd.report.table.fill import Table
from sedd.report.table.layout import GROUPS, Grid, Style
from sedd.runtime.markdown import Alignment, markdown_table
from sedd.runtime.markdown import escape_markdown as escape

STYLE = Style(bound="≤", plus_minus="±", percent="%", escape=escape)
MEASURED_BY = {**GROUPS, "ours": f"**{GROUPS['ours']}**"}


def render_markdown(table: Table) -> str:
    config = table.config
    parts = [f"# {escape(config.title)}"]
    for block in layout.measured(table, STYLE):
        parts += [*([f"### {escape(block.title)}"] if block.title else []), _table(block.grid)]
    if len(parts) == 1:
        parts.append(notes.NOTHING)
    parts += [
        f"{table.metric.description.capitalize()}. {' '.join(notes.legend(table, STYLE))}",
        escape(config.note),
    ]
    if source := notes.source(table):
        name, url = source
        parts.append(f"Published: [{escape(name)}]({url.replace('(', '%28').replace(')', '%29')}).")
    if block := layout.published(table, STYLE):
        parts += _folded(notes.published_title(table), _table(block.grid))
    if lines := notes.missing(table, STYLE):
        parts += _folded(notes.missing_title(table), "\n".join(f"- {line}" for line in lines))
    if compared := layout.comparisons(table, STYLE):
        rule = notes.verdict_rule(table, STYLE)
        parts += ["## Our numbers and the published ones", rule, _table(compared)]
    if lines := notes.origins(table, STYLE):
        parts += ["## Origin of our numbers", "\n".join(f"- {line}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _folded(title: str, content: str) -> list[str]:
    return [f"<details><summary>{title}</summary>", content, "</details>"]


def _table(grid: Grid) -> str:
    headings = ["Measured by", *grid.headings]
    align: list[Alignment] = [
        "left" if column <= grid.num_labels else "right" for column in range(len(headings))
    ]
    rows = [[MEASURED_BY[origin], *row] for origin, rows in grid.groups for row in rows]
    return markdown_table(headings, rows, align)
