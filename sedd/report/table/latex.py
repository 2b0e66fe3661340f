"""A table as LaTeX, for a one-column document that loads booktabs and longtable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby

from sedd.report.table import layout, notes
from sedd.report.table.fill import NOT_RUN, Cell, Comparison, Table
from sedd.report.table.layout import GROUPS, Style
from sedd.runtime.printable import printable

WIDTH = 78  # characters of \footnotesize that fit on a line of the article class
COMPARED = ("Text", "Published", "Ours", "Difference", "Verdict")

ESCAPES = str.maketrans(
    {
        "\0": r"\kern0pt ",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # else an argument of the \\ or the rule before it
        "*": "{*}",
        "≤": r"$\le$",
        "±": r"$\pm$",
        "–": "--",
        **{character: f"\\{character}" for character in "{}$&#_%"},
    }
)
LIGATURE = re.compile(r"(?<=[-,`'!?<>])(?=[-,`'<>])")  # LuaLaTeX looks through {}
ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"


def escape(text: str) -> str:
    """Escape `text` so that LaTeX prints it as written; line breaks become spaces.

    XeLaTeX and LuaLaTeX print any character; pdfLaTeX prints the number of one that it lacks.
    """
    line = " ".join(printable(text).split())
    return re.sub("[^\0-\x7f]", _letter, LIGATURE.sub("\0", line).translate(ESCAPES))


def _letter(match: re.Match[str]) -> str:
    letter = match[0]
    base, *accents = unicodedata.normalize("NFD", letter)
    if letter in "ßæøœÆØŒ" or (base.isascii() and len(accents) == 1 and accents[0] in ACCENTS):
        return letter
    return rf"\ifdefined\Umathcode {letter}\else U+{ord(letter):04X}\fi{{}}"


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
    """One longtable for what was measured, or several if it is too wide; one for the comparison."""
    title = table.config.title
    source = notes.source(table)
    sentences = [
        table.config.note,
        *notes.legend(table, SENTENCES),
        *([f"Published: {source[0]}."] if source else []),
        *_left_out(table),
    ]
    parts = [r"% \usepackage{booktabs,longtable}"]
    blocks = layout.measured(table, CELLS)
    if not blocks:
        parts.append(_paragraph(f"{title}: {notes.NOTHING}"))
    # the printed text decides how wide a column is, not its LaTeX
    plain = layout.measured(table, SENTENCES)
    number = 0
    for block, printed in zip(blocks, plain, strict=True):
        for columns in layout.column_blocks(printed.grid, WIDTH):
            number += 1
            shown = layout.block(block.grid, columns, escape(layout.DASH))
            groups = [(GROUPS[origin], rows) for origin, rows in shown.groups]
            align = "l" * block.grid.num_labels + "r" * (len(columns) - block.grid.num_labels)
            caption = f"{title} ({table.metric.description})."
            if number > 1:
                caption = f"{title}, continued. {block.title}".rstrip()
            label = f"tab:{table.name}" if number == 1 else f"tab:{table.name}:{number}"
            parts.append(_longtable(shown.headings, groups, align, caption, label))
    parts.append(_paragraph(" ".join(sentences)))
    if groups := _comparison(table):
        caption, label = f"{title}: published numbers and ours.", f"tab:{table.name}:compared"
        parts.append(_longtable(COMPARED, groups, "lrrrl", caption, label))
        parts.append(_paragraph(notes.verdict_rule(table, SENTENCES)))
    return "\n".join(parts)


def _left_out(table: Table) -> list[str]:
    """A note on the rows that only the CSV has."""
    counts = []
    if layout.published(table, SENTENCES):
        counts.append(notes.published_title(table))
    if notes.missing(table, SENTENCES):
        counts.append(notes.missing_title(table).partition(":")[0])
    return [f"Only in {table.name}.csv: {' and '.join(counts)}."] if counts else []


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
