"""The figures of a run as files for a paper: PDF, and PNG at 300 dots per inch."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogFormatter

from sedd.config import Experiment
from sedd.report.figure.content import Figure, Line
from sedd.report.figure.paper import FORMATS, STYLE, plain, save_canvas
from sedd.report.page.perplexities import perplexities
from sedd.report.page.run_page import run_figures
from sedd.results.curves import run_metrics

DASH_NAMES = {"dotdash": "dashdot"}  # Bokeh's name: Matplotlib's name


def write_figures(experiment: Experiment, folder: Path) -> list[Path]:
    """Write every figure that has numbers into `folder` and return the files.

    Figures in `folder` that no longer have numbers are deleted.
    """
    numbers, metrics = perplexities(experiment), run_metrics(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    figures = [figure for figure in run_figures(experiment, metrics, numbers) if figure]
    paths = [path for figure in figures for path in write_figure(figure, folder / figure.name)]
    for old in {path for suffix in FORMATS for path in folder.glob(f"*.{suffix}")} - set(paths):
        old.unlink()
    return paths


def write_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write STEM.pdf and STEM.png atomically and return their paths."""
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(5.5, 3.2), layout="constrained")
        _draw_axes(canvas.subplots(), figure)
        return save_canvas(canvas, stem, dpi=300)


def _draw_axes(axes: Axes, figure: Figure) -> None:
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    if figure.is_log_x:
        axes.set_xscale("log")
    if figure.is_log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    for line in figure.lines:
        _draw_line(axes, figure, line)
    if figure.is_from_zero:
        axes.set_ylim(bottom=0)
    if len(figure.lines) > 1:
        axes.legend(fontsize=8)


def _draw_line(axes: Axes, figure: Figure, line: Line) -> None:
    color, dash = line.style
    if line.is_reference:
        axes.plot(line.x, line.y, color=color, ls="--", lw=1, label=plain(line.label))
        return
    if line.low is not None and line.high is not None:
        if figure.is_log_y:
            bars = [line.y - line.low, line.high - line.y]
            axes.errorbar(line.x, line.y, yerr=bars, fmt="none", ecolor=color, capsize=3, lw=1)
        else:
            axes.fill_between(line.x, line.low, line.high, color=color, alpha=0.25, lw=0)
    axes.plot(
        line.x,
        line.y,
        color=color,
        ls=DASH_NAMES.get(dash, dash),
        marker="o" if line.is_marked else "",
        ms=3.5,
        label=plain(line.label),
    )
