"""Figures for a paper: PDF with its fonts inside, PNG at 300 dots an inch, on white. No global state is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogFormatter

from sedd.config import Experiment
from sedd.report.figure.figure import COLOURS, DASHES, Figure, Line
from sedd.report.page.perplexities import perplexities
from sedd.report.page.run_page import run_figures
from sedd.results.curves import run_metrics
from sedd.runtime.atomic import replacing

FORMS = ("pdf", "png")
STYLE: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
}
DASH_NAMES = {"dotdash": "dashdot"}
# the same numbers give the same file
NO_DATE: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def write_figures(experiment: Experiment, folder: Path) -> list[Path]:
    """Write each picture that has something to show, remove what older numbers left, and return the files."""
    numbers, metrics = perplexities(experiment), run_metrics(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [figure for figure in run_figures(experiment, metrics, numbers) if figure]
    paths = [path for figure in drawn for path in write_figure(figure, folder / figure.name)]
    for old in {path for form in FORMS for path in folder.glob(f"*.{form}")} - set(paths):
        old.unlink()
    return paths


def write_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write STEM.pdf and STEM.png, each whole or not at all, and return them."""
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(5.5, 3.2), layout="constrained")
        _axes(canvas.subplots(), figure)
        paths = []
        for form in FORMS:
            path = stem.with_name(f"{stem.name}.{form}")
            with replacing(path) as temporary:
                canvas.savefig(temporary, format=form, dpi=300, metadata=NO_DATE[form])
            paths.append(path)
    return paths


def _axes(axes: Axes, figure: Figure) -> None:
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    if figure.is_log_x:
        axes.set_xscale("log")
    if figure.is_log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    for line in figure.lines:
        _draw(axes, figure, line)
    if figure.is_from_zero:
        axes.set_ylim(bottom=0)
    if len(figure.lines) > 1:
        axes.legend(fontsize=8)


def _draw(axes: Axes, figure: Figure, line: Line) -> None:
    colour = COLOURS[line.colour % len(COLOURS)]
    dash = DASHES[(line.dash + line.colour // len(COLOURS)) % len(DASHES)]
    if line.is_reference:
        axes.plot(line.x, line.y, color=colour, ls="--", lw=1, label=line.label)
        return
    if line.low is not None and line.high is not None:
        if figure.is_log_y:
            bars = [line.y - line.low, line.high - line.y]
            axes.errorbar(line.x, line.y, yerr=bars, fmt="none", ecolor=colour, capsize=3, lw=1)
        else:
            axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.25, lw=0)
    axes.plot(
        line.x,
        line.y,
        color=colour,
        ls=DASH_NAMES.get(dash, dash),
        marker="o" if line.is_marked else "",
        ms=3.5,
        label=line.label,
    )
