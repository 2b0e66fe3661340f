"""Write a filled table as Markdown, CSV, LaTeX and HTML."""

from __future__ import annotations

from pathlib import Path

from sedd.paths import table_stem
from sedd.report.table.csv_table import render_csv
from sedd.report.table.fill import Table
from sedd.report.table.html_table import write_html
from sedd.report.table.latex import render_latex
from sedd.report.table.markdown import render_markdown
from sedd.runtime.atomic import write_text

FORMATS = {"md": render_markdown, "csv": render_csv, "tex": render_latex}


def write_table(table: Table, stem: Path | None = None) -> list[Path]:
    """Write STEM.md, STEM.csv, STEM.tex and STEM.html, each atomically, and return their paths.

    stem: path without suffix; results/tables/NAME by default.
    """
    stem = stem or table_stem(table.name)
    paths = []
    for suffix, render in FORMATS.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        write_text(path, render(table))
        paths.append(path)
    return [*paths, write_html(table, stem.with_name(f"{stem.name}.html"))]
