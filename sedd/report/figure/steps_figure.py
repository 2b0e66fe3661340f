"""A table of generative perplexities as a figure by network calls: PDF and PNG for a paper."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogFormatter, NullFormatter

from sedd.errors import ConfigError, Problem
from sedd.paths import figure_stem, table_file
from sedd.registry import METRICS
from sedd.report.figure.paper import STYLE, plain, save_canvas
from sedd.report.table.fill import Cell, Row, Table
from sedd.results.generative import GenerativeResult


@dataclass(frozen=True)
class Point:
    """One cell of a table. calls: network calls per text, or the steps of a published number."""

    calls: float
    value: float
    standard_error: float | None
    entropy_bits: float | None
    seconds_per_text: float | None
    mauve: float | None = None


PANELS = (
    ("entropy_bits", "entropy per text, bits"),
    ("mauve", "MAUVE"),
    ("seconds_per_text", "seconds per text"),
)
"""What is drawn below the perplexities, where it is known."""

Curves = dict[tuple[str, bool], list[Point]]  # by label and whether the numbers are published


def write_steps_figure(table: Table, stem: Path | None = None) -> list[Path]:
    """Write STEM.pdf and STEM.png atomically and return their paths.

    Axes from top to bottom, all against the network calls per text: generative perplexity with bars
    of two standard errors, the entropy of the texts, their MAUVE if it was measured, and the
    seconds of drawing a text.

    stem: results/figures/NAME by default. Raises ConfigError if the metric of the table
        has no such figure.
    """
    if not table.metric.has_steps_figure:
        allowed = ", ".join(METRICS.names(has_steps_figure=True))
        what = f"only a table of {allowed} has a figure by network calls, got {table.config.metric}"
        raise ConfigError(str(table_file(table.name)), [Problem("metric", what)])
    stem = stem or figure_stem(table.name)
    with mpl.rc_context(STYLE):
        drawn = curves(table)
        has_mauve = any(one.mauve is not None for points in drawn.values() for one in points)
        panels = [panel for panel in PANELS if panel[0] != "mauve" or has_mauve]
        ratios = [3, *(2 for _ in panels)]
        canvas = Canvas(figsize=(6.5, 2 + 0.8 * sum(ratios)), layout="constrained")
        upper, *below = canvas.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        axes = {"value": upper, **{name: one for (name, _), one in zip(panels, below, strict=True)}}
        for number, ((label, is_published), points) in enumerate(drawn.items()):
            _draw_curve(axes, points, label, is_published, number)
        _label_axes(canvas, axes, table, bool(drawn))
        return save_canvas(canvas, stem, dpi=200)


def curves(table: Table) -> Curves:
    """The points of each curve by network calls. A row is a curve, unless it names one.

    Published numbers are left out if all of ours are of another judge or convention.
    """
    found: Curves = defaultdict(list)
    aparts = {cell.apart for row in table.rows for cell in row.cells if cell.evaluations}
    for row in table.rows:
        if row.origin == "published" and aparts and "" not in aparts:
            continue
        for column, cell in zip(table.config.columns.values(), row.cells, strict=True):
            if (point := _point(cell, column.steps or 0)) is not None:
                label = _label(row, cell.apart if len(aparts) > 1 else "")
                found[label, row.origin == "published"].append(point)
    return {key: sorted(points, key=lambda point: point.calls) for key, points in found.items()}


def _label(row: Row, apart: str) -> str:
    is_published = "published" if row.origin == "published" else ""
    return ", ".join(filter(None, [row.curve or row.label, row.size, is_published, apart]))


def _point(cell: Cell, steps: int) -> Point | None:
    """The point of a cell; None without a number, or if its network calls were not counted."""
    result, calls, seconds, mauve = cell.evaluation, float(steps), None, None
    if isinstance(result, GenerativeResult):
        if result.network_calls is None:
            return None
        calls, seconds, mauve = result.network_calls, result.seconds_per_text, result.mauve
    if cell.value is None:
        return None
    return Point(calls, cell.value, cell.standard_error, cell.entropy_bits, seconds, mauve)


def _draw_curve(
    axes: dict[str, Axes], points: list[Point], label: str, is_published: bool, number: int
) -> None:
    rounds, color = divmod(number, 10)
    style: dict[str, Any] = {
        "color": f"C{color}",
        "ls": "--" if is_published else ("-", ":", "-.")[rounds % 3],
        "marker": "s" if is_published else ("o", "^", "D")[rounds % 3],
        "ms": 3.5,
        "lw": 1.3,
    }
    bars = None if is_published else [2 * (point.standard_error or 0.0) for point in points]
    calls = [point.calls for point in points]
    values = [point.value for point in points]
    axes["value"].errorbar(calls, values, yerr=bars, capsize=2, label=plain(label), **style)
    for name, _ in PANELS:
        if name not in axes:
            continue
        pairs = [(point.calls, getattr(point, name)) for point in points]
        known = [(x, y) for x, y in pairs if y is not None]
        axes[name].plot([x for x, _ in known], [y for _, y in known], **style)


def _label_axes(canvas: Canvas, axes: dict[str, Axes], table: Table, has_curves: bool) -> None:
    upper, lower = axes["value"], axes["seconds_per_text"]
    upper.set_title(plain(table.config.title))
    upper.set_ylabel(table.metric.description)
    for name, label in PANELS:
        if name in axes:
            axes[name].set_ylabel(label)
    lower.set_xlabel("network calls per text")
    if not has_curves:
        upper.text(0.5, 0.5, "no results yet", ha="center", transform=upper.transAxes)
        return
    upper.set_yscale("log")
    upper.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
    upper.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    if any(np.size(line.get_xdata()) for line in lower.lines):  # published numbers have no times
        lower.set_yscale("log")
    lower.set_xscale("log", base=2)
    lower.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    lower.xaxis.set_minor_formatter(NullFormatter())
    canvas.legend(loc="outside lower center", fontsize=6.5, ncols=2)
