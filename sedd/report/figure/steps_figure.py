"""A table of generative perplexities as a figure by denoising steps: PDF and PNG for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogFormatter, NullFormatter

from sedd.errors import ConfigError, Problem
from sedd.paths import figure_stem, table_file
from sedd.registry import METRICS
from sedd.report.figure.paper import STYLE, save_canvas
from sedd.report.table.fill import Row, Table


def write_steps_figure(table: Table, stem: Path | None = None) -> list[Path]:
    """Write STEM.pdf and STEM.png atomically and return their paths.

    The upper axes show generative perplexity with bars of two standard errors. The lower axes show
    the entropy of the texts.

    stem: results/figures/NAME by default. Raises ConfigError if the metric of the table
        has no such figure.
    """
    if not table.metric.has_steps_figure:
        allowed = ", ".join(METRICS.names(has_steps_figure=True))
        what = f"only a table of {allowed} has a figure against denoising steps, got {table.config.metric}"
        raise ConfigError(str(table_file(table.name)), [Problem("metric", what)])
    stem = stem or figure_stem(table.name)
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(6.5, 5.6), layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        rows = [row for row in table.rows if any(cell.value is not None for cell in row.cells)]
        for number, row in enumerate(rows):
            _draw_row(upper, lower, table, row, f"C{number % 10}")
        _label_axes(upper, lower, table, bool(rows))
        return save_canvas(canvas, stem, dpi=200)


def _draw_row(upper: Axes, lower: Axes, table: Table, row: Row, color: str) -> None:
    columns = [column.steps or 0 for column in table.config.columns.values()]
    points = [
        (steps, cell.value, 2 * (cell.standard_error or 0.0), cell.entropy_bits)
        for steps, cell in zip(columns, row.cells, strict=True)
        if cell.value is not None
    ]
    steps, values, bars, entropies = (list(part) for part in zip(*points, strict=True))
    is_published = row.origin == "published"
    style: dict[str, Any] = {
        "color": color,
        "ls": "--" if is_published else "-",
        "marker": "s" if is_published else "o",
        "ms": 3.5,
        "lw": 1.3,
    }
    label = ", ".join(filter(None, [row.label, row.size, "published" if is_published else ""]))
    upper.errorbar(
        steps, values, yerr=None if is_published else bars, capsize=2, label=label, **style
    )
    known = [(x, bits) for x, bits in zip(steps, entropies, strict=True) if bits is not None]
    lower.plot([x for x, _ in known], [bits for _, bits in known], **style)


def _label_axes(upper: Axes, lower: Axes, table: Table, has_rows: bool) -> None:
    upper.set_title(table.config.title)
    upper.set_ylabel(table.metric.description)
    lower.set_ylabel("entropy per text, bits")
    lower.set_xlabel("denoising steps")
    if not has_rows:
        upper.text(0.5, 0.5, "no results yet", ha="center", transform=upper.transAxes)
        return
    upper.set_yscale("log")
    upper.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
    upper.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    lower.set_xscale("log", base=2)
    lower.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    lower.xaxis.set_minor_formatter(NullFormatter())
    upper.legend(fontsize=6.5, ncols=2)
