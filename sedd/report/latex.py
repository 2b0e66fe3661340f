"""A table as LaTeX, for a document that loads booktabs."""

from __future__ import annotations

from sedd.config.table import Column
from sedd.report import layout
from sedd.report.layout import GROUPS, Grid, Style
from sedd.report.tables import NOT_RUN, Cell, Comparison, Row, Table

WIDTH = 78  # characters at \\footnotesize on a line of the article class
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
    if pairs := layout.compared_pairs(table):
        rule = layout.verdict_rule(table, SENTENCES)
        caption = f"{config.title}: published numbers and ours. {rule}"
        lines += _environment(caption, f"tab:{table.name}:compared", _comparison(table, pairs))
    return "\n".join(lines).rstrip() + "\n"


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
    """A line for each pair: the published number, ours, the difference, and what to make of it."""
    has_sizes = any(row.size for row, *_ in pairs)
    headings = ["Model", *(["Size"] if has_sizes else []), "Text", *COMPARED]
    text = "l" * (len(headings) - len(COMPARED))
    lines = [rf"\begin{{tabular}}{{{text}rrrl}}", r"\toprule", " & ".join(headings) + r" \\"]
    above = None
    decimals = table.quantity.decimals
    for row, column, cell, found in pairs:
        if (row.label, row.size) != above:
            lines.append(r"\midrule")
        above = row.label, row.size
        labels = [row.label, *([row.size or ""] if has_sizes else []), column.label]
        difference = escape(layout.DASH)
        if found.difference is not None and found.relative is not None:
            share = CELLS.number(f"{100 * found.relative:+.1f}")
            difference = CELLS.number(f"{found.difference:+.{decimals}f}") + rf" ({share}\,\%)"
        cells = [
            *map(escape, labels),
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
