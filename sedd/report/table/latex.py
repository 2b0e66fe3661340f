"""A table as LaTeX, for a document that loads booktabs."""

from __future__ import annotations

from itertools import groupby

from sedd.config.table import Column
from sedd.report.table import layout
from sedd.report.table.fill import NOT_RUN, Cell, Comparison, Row, Table
from sedd.report.table.layout import GROUPS, Grid, Style

WIDTH = 78  # characters at \\footnotesize on a line of the article class
HEIGHT = 20  # numbers below one another that leave room for their headings and a caption
COMPARED = ("Published", "Ours", "Difference", "Verdict")
Pairs = list[tuple[Row, Column, Cell, Comparison]]

SPELLED = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "≤": r"$\le$",
    "±": r"$\pm$",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SPELLED.get(sign, sign) for sign in " ".join(text.split()))


CELLS = Style(
    bound=r"\le",
    plus_minus=r"\pm",
    percent=r"\%",
    escape=escape,
    number=lambda text: f"${text}$",
)
# sentences are laid out first and escaped as a whole
SENTENCES = Style(bound="≤", plus_minus="±", percent="%", escape=str)


def render_latex(table: Table) -> str:
    """A table environment for the numbers, or several where they are too wide for one; another for the comparison."""
    config = table.config
    told = [
        f"{config.title} ({table.quantity.title}).",
        config.note,
        *layout.legend(table, SENTENCES),
        f"Published: {layout.source(table)}.",
    ]
    grid = layout.numbers(table, CELLS)
    # how wide a column is, is told by what is read, not by what is written
    blocks = layout.column_blocks(layout.numbers(table, SENTENCES), WIDTH)
    lines = [r"% \usepackage{booktabs}"]
    for number, columns in enumerate(blocks, start=1):
        part = "" if number == 1 else f":{number}"
        caption = " ".join(told) if number == 1 else f"{config.title}, continued."
        body = _tabular(layout.block(grid, columns, escape(layout.DASH)))
        lines += [*_environment(caption, f"tab:{table.name}{part}", body), ""]
    for number, pairs in enumerate(_pages(layout.compared_pairs(table)), start=1):
        rule, part = layout.verdict_rule(table, SENTENCES), "" if number == 1 else f":{number}"
        caption = f"{config.title}: published numbers and ours"
        caption += f". {rule}" if number == 1 else ", continued."
        body = _comparison(table, pairs)
        lines += [*_environment(caption, f"tab:{table.name}:compared{part}", body), ""]
    return "\n".join(lines).rstrip() + "\n"


def _pages(pairs: Pairs) -> list[Pairs]:
    """Pairs in parts of at most HEIGHT lines, each with whole models unless one alone is longer."""
    parts: list[Pairs] = []
    for _, group in groupby(pairs, key=lambda pair: (pair[0].label, pair[0].size)):
        of_model = list(group)
        if parts and len(parts[-1]) + len(of_model) <= HEIGHT:
            parts[-1] += of_model
        else:
            parts.append(of_model)
    return parts


def _environment(caption: str, label: str, body: list[str]) -> list[str]:
    return [
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{{label}}}",
        r"\smallskip",
        "",
        *body,
        r"\end{table}",
    ]


def _comparison(table: Table, pairs: Pairs) -> list[str]:
    """A line for each pair, below its model: the published number, ours, the difference, and what to make of it."""
    headings = ["Text", *COMPARED]
    lines = [r"\begin{tabular}{lrrrl}", r"\toprule", " & ".join(headings) + r" \\"]
    above = None
    decimals = table.quantity.decimals
    for row, column, cell, found in pairs:
        if (row.label, row.size) != above:
            model = escape(row.label if row.size is None else f"{row.label}, {row.size}")
            heading = rf"\multicolumn{{{len(headings)}}}{{l}}{{\emph{{{model}}}}} \\"
            lines += [r"\midrule", heading]
        above = row.label, row.size
        difference = escape(layout.DASH)
        if found.difference is not None and found.relative is not None:
            share = CELLS.number(f"{100 * found.relative:+.1f}")
            difference = CELLS.number(f"{found.difference:+.{decimals}f}") + rf" ({share}\,\%)"
        cells = [
            escape(column.label),
            CELLS.number(f"{found.published:.{decimals}f}"),
            layout.cell_text(cell, CELLS),
            difference,
            escape(found.verdict or NOT_RUN),
        ]
        lines.append(" & ".join(cells) + r" \\")
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _tabular(grid: Grid) -> list[str]:
    columns = "l" * grid.num_labels + "r" * (len(grid.headings) - grid.num_labels)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", " & ".join(grid.headings) + r" \\"]
    for origin, rows in grid.groups:
        heading = rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{GROUPS[origin]}}}}} \\"
        lines += [r"\midrule", heading, *(" & ".join(row) + r" \\" for row in rows)]
    return [*lines, r"\bottomrule", r"\end{tabular}"]
