"""A table whose columns are numbers of steps, as a picture for a paper: PDF with its fonts inside, and PNG, on white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, NullFormatter

from sedd.errors import ConfigError, Problem
from sedd.paths import figure_stem, table_file
from sedd.report.table.fill import Row, Table
from sedd.runtime.atomic import replacing

FORMS = ("pdf", "png")
STYLE: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
# the same numbers give the same file
NO_DATE: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def write_steps_figure(table: Table, stem: Path | None = None) -> list[Path]:
    """Write STEM.pdf and STEM.png, each whole or not at all, and return them: above, the metric with bars of two standard
    errors against steps; below, the entropy of the texts.

    stem: results/figures/NAME by default. Raises ConfigError if the columns are not numbers of steps.
    """
    if table.config.metric != "generative_perplexity":
        what = f"{table.config.metric} has no steps to draw it against; tables of generative_perplexity have"
        raise ConfigError(str(table_file(table.name)), [Problem("metric", what)])
    stem = stem or figure_stem(table.name)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.5, 5.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        lines = [row for row in table.rows if any(cell.value is not None for cell in row.cells)]
        for number, row in enumerate(lines):
            _draw(upper, lower, table, row, f"C{number % 10}")
        _dress(upper, lower, table, bool(lines))
        paths = []
        for form in FORMS:
            path = stem.with_name(f"{stem.name}.{form}")
            with replacing(path) as temporary:
                figure.savefig(temporary, format=form, dpi=200, metadata=NO_DATE[form])
            paths.append(path)
    return paths


def _draw(upper: Axes, lower: Axes, table: Table, row: Row, colour: str) -> None:
    columns = [column.steps or 0 for column in table.config.columns.values()]
    points = [
        (steps, cell.value, 2 * (cell.standard_error or 0.0), cell.entropy_bits)
        for steps, cell in zip(columns, row.cells, strict=True)
        if cell.value is not None
    ]
    steps, values, room, entropies = (list(part) for part in zip(*points, strict=True))
    is_published = row.origin == "published"
    how: dict[str, Any] = {
        "color": colour,
        "ls": "--" if is_published else "-",
        "marker": "s" if is_published else "o",
        "ms": 3.5,
        "lw": 1.3,
    }
    label = ", ".join(filter(None, [row.label, row.size, "published" if is_published else ""]))
    upper.errorbar(
        steps, values, yerr=None if is_published else room, capsize=2, label=label, **how
    )
    told = [(at, bits) for at, bits in zip(steps, entropies, strict=True) if bits is not None]
    lower.plot([at for at, _ in told], [bits for _, bits in told], **how)


def _dress(upper: Axes, lower: Axes, table: Table, has_lines: bool) -> None:
    upper.set_title(table.config.title)
    upper.set_ylabel(table.quantity.title)
    lower.set_ylabel("entropy of a text, bits")
    lower.set_xlabel("denoising steps")
    if not has_lines:
        upper.text(0.5, 0.5, "nothing was run yet", ha="center", transform=upper.transAxes)
        return
    upper.set_yscale("log")
    upper.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
    upper.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    lower.set_xscale("log", base=2)
    lower.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    lower.xaxis.set_minor_formatter(NullFormatter())
    upper.legend(fontsize=6.5, ncols=2)
