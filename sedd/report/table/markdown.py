"""A table as a Markdown page: note, numbers, comparison, and where our numbers come from."""

from __future__ import annotations

import re

from sedd.report.table import layout
from sedd.report.table.fill import Table
from sedd.report.table.layout import GROUPS, Grid, Style


def escape(text: str) -> str:
    """Text that a Markdown table cell shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))


STYLE = Style(bound="≤", plus_minus="±", percent="%", escape=escape)
MEASURED_BY = {**GROUPS, "ours": f"**{GROUPS['ours']}**"}


def render_markdown(table: Table) -> str:
    config = table.config
    parts = [
        f"# {escape(config.title)}",
        escape(config.note),
        _pipes(layout.numbers(table, STYLE)),
        f"{table.quantity.title.capitalize()}. {' '.join(layout.legend(table, STYLE))}",
        f"Published: [{escape(layout.source(table))}]({config.source.url}).",
    ]
    if compared := layout.comparisons(table, STYLE):
        rule = layout.verdict_rule(table, STYLE)
        parts += ["## Ours against the published numbers", rule, _pipes(compared)]
    if lines := layout.origins(table, STYLE):
        parts += ["## Where our numbers come from", "\n".join(f"- {line}" for line in lines)]
    if lines := layout.missing(table, STYLE):
        parts += ["## How to get what was not run", "\n".join(f"- {line}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _pipes(grid: Grid) -> str:
    def line(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    num_figures = len(grid.headings) - grid.num_labels
    text = [
        line(["Measured by", *grid.headings]),
        line([":--"] * (grid.num_labels + 1) + ["--:"] * num_figures),
    ]
    for origin, rows in grid.groups:
        text += [line([MEASURED_BY[origin], *row]) for row in rows]
    return "\n".join(text)
