"""A table as LaTeX, for a one-column document that loads booktabs and longtable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from sedd.report.table import layout
from sedd.report.table.fill import NOT_RUN, Cell, Comparison, Table
from sedd.report.table.layout import GROUPS, Style

WIDTH = 78  # characters of \footnotesize that fit on a line of the article class
COMPARED = ("Text", "Published", "Ours", "Difference", "Verdict")

ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "≤": r"$\le$",
        "±": r"$\pm$",
        "–": "--",
        **{character: f"\\{character}" for character in "{}$&#_%"},
    }
)


def escape(text: str) -> str:
    """Escape `text` so that LaTeX prints it as written; line breaks become spaces."""
    return " ".join(text.split()).translate(ESCAPES)


CELLS = Style(
    bound=r"\le",
    plus_minus=r"\pm",
    percent=r"\%",
    escape=escape,
    number=lambda text: f"${text}$",
)
# sentences are escaped as a whole
SENTENCES = Style(bound="≤", plus_minus="±", percent="%", escape=str)


def render_latex(table: Table) -> str:
    """One longtable for the numbers, or several if they are too wide; one for the comparison."""
    title = table.config.title
    notes = [
        table.config.note,
        *layout.legend(table, SENTENCES),
        f"Published: {layout.source(table)}.",
    ]
    grid = layout.numbers(table, CELLS)
    # the printed text decides how wide a column is, not its LaTeX
    blocks = layout.column_blocks(layout.numbers(table, SENTENCES), WIDTH)
    parts = [r"% \usepackage{booktabs,longtable}"]
    for number, columns in enumerate(blocks, start=1):
        shown = layout.block(grid, columns, escape(layout.DASH))
        groups = [(GROUPS[origin], rows) for origin, rows in shown.groups]
        align = "l" * grid.num_labels + "r" * (len(columns) - grid.num_labels)
        caption = (
            f"{title} ({table.metric.description})." if number == 1 else f"{title}, continued."
        )
        label = f"tab:{table.name}" if number == 1 else f"tab:{table.name}:{number}"
        parts.append(_longtable(shown.headings, groups, align, caption, label))
    parts.append(_paragraph(" ".join(notes)))
    if groups := _comparison(table):
        caption, label = f"{title}: published numbers and ours.", f"tab:{table.name}:compared"
        parts.append(_longtable(COMPARED, groups, "lrrrl", caption, label))
        parts.append(_paragraph(layout.verdict_rule(table, SENTENCES)))
    return "\n".join(parts)


def _comparison(table: Table) -> list[tuple[str, list[list[str]]]]:
    """Lines grouped by model: published number, our number, difference and verdict."""
    groups = groupby(layout.compared_pairs(table), key=lambda pair: (pair[0].label, pair[0].size))
    return [
        (
            ", ".join(filter(None, model)),
            [
                [escape(column.label), *_compared(cell, comparison, table.metric.decimals)]
                for _, column, cell, comparison in pairs
            ],
        )
        for model, pairs in groups
    ]


def _compared(cell: Cell, comparison: Comparison, decimals: int) -> list[str]:
    difference = escape(layout.DASH)
    if comparison.difference is not None and comparison.relative is not None:
        relative = CELLS.number(f"{100 * comparison.relative:+.1f}")
        difference = CELLS.number(f"{comparison.difference:+.{decimals}f}") + rf" ({relative}\,\%)"
    return [
        CELLS.number(f"{comparison.published:.{decimals}f}"),
        layout.cell_text(cell, CELLS),
        difference,
        escape(comparison.verdict or NOT_RUN),
    ]


def _longtable(
    headings: Sequence[str],
    groups: Iterable[tuple[str, list[list[str]]]],
    align: str,
    caption: str,
    label: str,
) -> str:
    import pandas as pd

    rows = []
    for number, (name, lines) in enumerate(groups):
        rule = r"\midrule " if number else ""
        # \rlap: the name extends over the empty cells of its row
        heading = rf"{rule}\rlap{{\emph{{{escape(name)}}}}}"
        rows += [[heading, *[""] * (len(headings) - 1)], *lines]
    body = (
        pd.DataFrame(rows, columns=list(headings))
        .style.hide(axis="index")
        .to_latex(
            environment="longtable",
            hrules=True,
            column_format=align,
            caption=escape(caption),
            label=label,
        )
    )
    return (
        r"{\footnotesize\setlength{\tabcolsep}{4pt}\setlength{\LTcapwidth}{\textwidth}"
        f"\n{body}}}\n"
    )


def _paragraph(text: str) -> str:
    return rf"{{\footnotesize\noindent {escape(text)}\par}}" + "\n"
