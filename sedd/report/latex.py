"""A table as LaTeX, for a document that loads booktabs."""

from __future__ import annotations

from sedd.report import layout
from sedd.report.layout import GROUPS, Grid, Style
from sedd.report.tables import Table

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
    """A table environment; the comparison, if there is one, stands in it below the numbers."""
    config = table.config
    caption = " ".join(
        [
            f"{config.title} ({table.quantity.title}).",
            config.note,
            *layout.legend(table, SENTENCES),
            f"Published: {layout.source(table)}.",
        ]
    )
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{tab:{table.name}}}",
        *_tabular(layout.numbers(table, CELLS)),
    ]
    if compared := layout.comparisons(table, CELLS):
        rule = escape(layout.verdict_rule(table, SENTENCES))
        lines += ["", r"\medskip", rf"\parbox{{\linewidth}}{{{rule}}}", "", r"\medskip"]
        lines += _tabular(compared)
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _tabular(grid: Grid) -> list[str]:
    columns = "l" * grid.num_labels + "r" * (len(grid.headings) - grid.num_labels)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", " & ".join(grid.headings) + r" \\"]
    for origin, rows in grid.groups:
        heading = rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{GROUPS[origin]}}}}} \\"
        lines += [r"\midrule", heading, *(" & ".join(row) + r" \\" for row in rows)]
    return [*lines, r"\bottomrule", r"\end{tabular}"]
