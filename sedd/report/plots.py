"""Pictures of a run as SVG that stands inside a page: no file, no network, no global state.

Axes and words take the colour of the page's text, so that a picture reads on a light page and on a
dark one; the colours of the curves have at least 3:1 contrast on both.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from sedd.report.collect import Evaluation
from sedd.report.metrics import curve

BLUE, ORANGE, TEAL, PINK, VIOLET = "#3b82f6", "#d9730d", "#0d9488", "#db2777", "#8b5cf6"
SERIES = (BLUE, ORANGE, TEAL, PINK, VIOLET)
INK = "#010203"  # stands for the colour of the page's text
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # words stay words: they can be searched and read aloud
    "svg.hashsalt": "sedd",  # the same numbers give the same picture, byte for byte
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
}


def loss_plot(metrics: pd.DataFrame) -> Markup | None:
    """Training loss, and validation loss with its error band; None without either."""
    train = curve(metrics, "train", "loss_nats_per_token")
    held_out = curve(metrics, "validation", "loss_nats_per_token", "standard_error")
    if train.empty and held_out.empty:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = _axes(wide=True)
        axes.set_xlabel("optimiser step")
        axes.set_ylabel("loss, nats a token")
        axes.plot(train["step"], train["loss_nats_per_token"], color=BLUE, lw=1, label="training")
        if not held_out.empty:
            step, loss = held_out["step"], held_out["loss_nats_per_token"]
            low, high = (loss + sign * 2 * held_out["standard_error"] for sign in (-1, 1))
            axes.fill_between(
                step, low, high, color=ORANGE, alpha=0.3, lw=0, label="± 2 standard errors"
            )
            axes.plot(step, loss, color=ORANGE, marker="o", ms=3, label="validation, EMA weights")
        axes.legend()
        return _svg(figure, "loss", "Training and validation loss against optimiser steps")


def line_plot(metrics: pd.DataFrame, column: str, label: str) -> Markup | None:
    """One column of the training metrics against steps; None if it was not logged."""
    found = curve(metrics, "train", column)
    if found.empty:
        return None
    with mpl.rc_context(STYLE):
        figure, axes = _axes(wide=False)
        axes.set_xlabel("optimiser step")
        axes.set_ylabel(label)
        axes.plot(found["step"], found[column], color=TEAL, marker="o" if len(found) == 1 else "")
        axes.set_ylim(bottom=0)
        return _svg(
            figure, column.replace("_", "-"), f"{label.capitalize()} against optimiser steps"
        )


def perplexity_plot(evaluations: Sequence[Evaluation]) -> Markup | None:
    """Perplexity of each text over the checkpoints, beside unigrams'; None without any."""
    if not evaluations:
        return None
    datasets = list(dict.fromkeys(found.dataset for found in evaluations))
    with mpl.rc_context(STYLE):
        figure, axes = _axes(wide=True)
        axes.set_xlabel("optimiser step of the checkpoint")
        axes.set_ylabel("perplexity a token")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(LogFormatter(labelOnlyBase=False))
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
        for number, dataset in enumerate(datasets):
            of_dataset = [found for found in evaluations if found.dataset == dataset]
            _perplexity_line(axes, of_dataset, SERIES[number % len(SERIES)])
        axes.legend()
        names = ", ".join(datasets)
        return _svg(
            figure, "perplexity", f"Perplexity on {names} at each checkpoint, beside unigrams"
        )


def _perplexity_line(axes: Axes, evaluations: Sequence[Evaluation], colour: str) -> None:
    """The bars are two standard errors of the loss, hence lopsided in perplexity."""
    nats = np.array([found.nats_per_token for found in evaluations])
    room = 2 * np.array([found.standard_error for found in evaluations])
    low, middle, high = np.exp(nats - room), np.exp(nats), np.exp(nats + room)
    dataset, unigram = evaluations[-1].dataset, evaluations[-1].unigram
    axes.errorbar(
        [found.step for found in evaluations],
        middle,
        yerr=[middle - low, high - middle],
        color=colour,
        marker="o",
        ms=4,
        capsize=3,
        label=f"{dataset}, at most",
    )
    axes.axhline(
        float(np.exp(unigram.train_nats_per_token)),
        color=colour,
        ls="--",
        lw=1.2,
        label=f"{dataset}, training unigrams",
    )


def _axes(*, wide: bool) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, 3.4) if wide else (3.2, 2.3), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    return figure, axes


def _svg(figure: Figure, name: str, description: str) -> Markup:
    """The picture as one <svg> element. Its ids begin with `name`, so that several share a page."""
    text = io.StringIO()
    figure.savefig(
        text, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    opening, rest = svg.split(">", 1)
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)  # the page sets the size
    label = Markup(' role="img" aria-label="{}">').format(description)
    return Markup(opening) + label + Markup(rest)
