"""What a run's pictures show, apart from how they are drawn: on a page one can zoom into, or as a file for a paper.

A figure is labelled lines of numbers. `interactive` draws it on a page, `printed` as PDF and PNG, and both show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pandas as pd

from sedd.results.metrics import curve
from sedd.results.perplexity import PerplexityResult

# each has at least 3:1 contrast on the light page and on the dark one
COLOURS = (
    *("#3b82f6", "#d9730d", "#0d9488", "#db2777", "#8b5cf6"),
    *("#5f8a0e", "#dc4040", "#0b87a8", "#a16207", "#7c7f86"),
)
DASHES = (
    "solid",
    "dashed",
    "dotted",
    "dotdash",
)  # so that colour is not all that tells lines apart
STEP = "optimiser step"


@dataclass(frozen=True)
class Line:
    """Points (x, y) with, if they are known, the ends of an error bar or band at each.

    colour, dash: places in COLOURS and DASHES. is_reference: a level to compare with, drawn thin and dashed.
    run: what `compare` picks by.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    colour: int = 0
    dash: int = 0
    is_marked: bool = False
    is_reference: bool = False
    run: str = ""


@dataclass(frozen=True)
class Figure:
    """Lines on one pair of axes.

    title: a few words. description: what stands for the picture where it is not seen.
    """

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    lines: list[Line] = field(default_factory=list)
    is_log_x: bool = False
    is_log_y: bool = False
    is_from_zero: bool = False
    is_wide: bool = True

    def __bool__(self) -> bool:
        return bool(self.lines)


def loss_figure(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Training loss, and validation loss with its error band, of each run's metrics."""
    lines = []
    for number, (run, metrics) in enumerate(runs.items()):
        several = len(runs) > 1
        name = f"{run}, " if several else ""
        train = curve(metrics, "train", "loss_nats_per_token")
        held_out = curve(metrics, "validation", "loss_nats_per_token", "standard_error")
        if not train.empty and not several:  # of several runs, the noise would cover the rest
            lines.append(_line(train, "loss_nats_per_token", f"{name}training", colour=0, run=run))
        if not held_out.empty:
            loss, room = held_out["loss_nats_per_token"], 2 * held_out["standard_error"]
            lines.append(
                Line(
                    label=f"{name}validation",
                    x=held_out["step"].to_numpy(),
                    y=loss.to_numpy(),
                    low=(loss - room).to_numpy(),
                    high=(loss + room).to_numpy(),
                    colour=number if several else 1,
                    is_marked=len(held_out) < 60,
                    run=run,
                )
            )
        elif several and not train.empty:
            lines.append(
                _line(train, "loss_nats_per_token", f"{name}training", colour=number, run=run)
            )
    return Figure(
        name="loss",
        title="Loss",
        description="Bound on the negative log-likelihood, nats a token, against optimiser steps",
        x_label=STEP,
        y_label="nats a token",
        lines=lines,
    )


METRICS = {
    "lr": ("Learning rate", "learning rate"),
    "grad_norm": ("Gradient norm", "norm before clipping"),
    "tokens_per_second": ("Throughput", "tokens a second"),
}


def metric_figure(runs: Mapping[str, pd.DataFrame], column: str) -> Figure:
    """One column of the training metrics of each run against steps."""
    title, label = METRICS[column]
    several = len(runs) > 1
    found = {run: curve(metrics, "train", column) for run, metrics in runs.items()}
    return Figure(
        name=column,
        title=title,
        description=f"{title} against optimiser steps",
        x_label=STEP,
        y_label=label,
        lines=[
            _line(rows, column, run if several else title.lower(), colour=colour, run=run)
            for colour, (run, rows) in enumerate(found.items(), 0 if several else 2)
            if not rows.empty
        ],
        is_from_zero=True,
        is_wide=False,
    )


def perplexity_figure(runs: Mapping[str, Sequence[PerplexityResult]]) -> Figure:
    """Perplexity of each text over the checkpoints of each run; of a single run, beside unigrams'."""
    lines, texts = [], []
    several = len(runs) > 1
    last = max((found.step for group in runs.values() for found in group), default=0)
    for number, (run, evaluations) in enumerate(runs.items()):
        by_text = groupby(evaluations, key=lambda found: found.dataset)
        for place, (text, group) in enumerate(by_text):
            found = list(group)
            texts.append(text)
            colour, dash = (number, place) if several else (place, 0)
            label = f"{run}, {text}" if several else text
            lines.append(_perplexities(found, label, colour, dash, run))
            if not several and (level := found[-1].unigram.train_perplexity) is not None:
                ends = np.array([0, last])
                name = f"{text}, unigrams"
                lines.append(
                    Line(name, ends, np.full(2, level), colour=colour, is_reference=True, run=run)
                )
    names = ", ".join(dict.fromkeys(texts))
    return Figure(
        name="perplexity",
        title="Perplexity over the checkpoints",
        description=f"Perplexity a token on {names} at each checkpoint, with two standard errors",
        x_label=f"{STEP} of the checkpoint",
        y_label="perplexity a token",
        lines=lines,
        is_log_y=True,
    )


def _perplexities(
    found: Sequence[PerplexityResult], label: str, colour: int, dash: int, run: str
) -> Line:
    """The bars are two standard errors of the loss, hence lopsided in perplexity."""
    nats = np.array([one.nats_per_token for one in found])
    room = 2 * np.array([one.standard_error for one in found])
    return Line(
        label=label,
        x=np.array([one.step for one in found]),
        y=np.exp(nats),
        low=np.exp(nats - room),
        high=np.exp(nats + room),
        colour=colour,
        dash=dash,
        is_marked=True,
        run=run,
    )


def _line(rows: pd.DataFrame, column: str, label: str, *, colour: int, run: str) -> Line:
    return Line(
        label=label,
        x=rows["step"].to_numpy(),
        y=rows[column].to_numpy(),
        colour=colour,
        is_marked=len(rows) == 1,
        run=run,
    )
