"""The curves of each figure, independent of how they are drawn.

A figure is a list of labeled lines. `interactive` draws it on a page, `pdf` into a PDF and a PNG
file; both show the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pandas as pd

from sedd.results.perplexity import PerplexityResult
from sedd.results.spelled import LARGEST_NATS
from sedd.results.training_log import curve

# contrast of at least 3:1 on the light page and on the dark page
COLORS = (
    *("#3b82f6", "#d9730d", "#0d9488", "#db2777", "#8b5cf6"),
    *("#5f8a0e", "#dc4040", "#0b87a8", "#a16207", "#7c7f86"),
)
# dashes distinguish lines for readers who cannot distinguish colors
DASHES = ("solid", "dashed", "dotted", "dotdash")
STEP = "optimizer step"


@dataclass(frozen=True)
class Line:
    """Points (x, y) of one curve.

    low, high: ends of the error bar or band at each point; None if the error is unknown.
    color, dash: indices into COLORS and DASHES; see `style`.
    is_reference: a constant level to compare with, drawn thin and dashed.
    run: name by which the comparison page shows and hides the line.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    color: int = 0
    dash: int = 0
    is_marked: bool = False
    is_reference: bool = False
    run: str = ""

    @property
    def style(self) -> tuple[str, str]:
        """Color (#rrggbb) and dash. After the last color, colors repeat with the next dash."""
        rounds, color = divmod(self.color, len(COLORS))
        return COLORS[color], DASHES[(self.dash + rounds) % len(DASHES)]


@dataclass(frozen=True)
class Figure:
    """Lines on one pair of axes. A figure without lines is false.

    description: text for readers who do not see the figure.
    band: what the bars and bands of the lines show.
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
    band: str = "two standard errors"

    def __bool__(self) -> bool:
        return bool(self.lines)


def loss_figure(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Training loss, and validation loss with a band of two standard errors.

    runs: metrics by run. With several runs, training loss is shown only for runs that were not
        validated.
    """
    lines = []
    several = len(runs) > 1
    for number, (run, metrics) in enumerate(runs.items()):
        prefix = f"{run}, " if several else ""
        train = curve(metrics, "train", "loss_nats_per_token")
        validation = curve(metrics, "validation", "loss_nats_per_token", "standard_error")
        # with several runs, noisy training curves would hide the other lines
        if not train.empty and (not several or validation.empty):
            label, color = f"{prefix}training", number if several else 0
            lines.append(_line(train, "loss_nats_per_token", label, color=color, run=run))
        if not validation.empty:
            loss = validation["loss_nats_per_token"]
            margin = 2 * validation["standard_error"].fillna(0.0)
            lines.append(
                Line(
                    label=f"{prefix}validation",
                    x=validation["step"].to_numpy(),
                    y=loss.to_numpy(),
                    low=(loss - margin).to_numpy(),
                    high=(loss + margin).to_numpy(),
                    color=number if several else 1,
                    is_marked=len(validation) < 60,
                    run=run,
                )
            )
    return Figure(
        name="loss",
        title="Loss",
        description="Bound on the negative log-likelihood in nats per token, by optimizer step",
        x_label=STEP,
        y_label="nats per token",
        lines=lines,
    )


METRICS = {
    "lr": ("Learning rate", "learning rate"),
    "grad_norm": ("Gradient norm", "norm before clipping"),
    "tokens_per_second": ("Throughput", "tokens per second"),
}


def metric_figure(runs: Mapping[str, pd.DataFrame], column: str) -> Figure:
    """One column of the training metrics, a key of METRICS, by optimizer step.

    runs: metrics by run.
    """
    title, label = METRICS[column]
    several = len(runs) > 1
    curves = {run: curve(metrics, "train", column) for run, metrics in runs.items()}
    return Figure(
        name=column,
        title=title,
        description=f"{title} by optimizer step",
        x_label=STEP,
        y_label=label,
        lines=[
            _line(rows, column, run if several else title.lower(), color=color, run=run)
            for color, (run, rows) in enumerate(curves.items(), 0 if several else 2)
            if not rows.empty
        ],
        is_from_zero=True,
        is_wide=False,
    )


def perplexity_figure(runs: Mapping[str, Sequence[PerplexityResult]]) -> Figure:
    """Perplexity on each text by checkpoint. For a single run, also the level of a unigram model.

    runs: evaluations by run, ordered by text and then by step.
    """
    lines, texts = [], []
    several = len(runs) > 1
    last_step = max((one.step for group in runs.values() for one in group), default=0)
    for run_number, (run, evaluations) in enumerate(runs.items()):
        by_text = groupby(evaluations, key=lambda one: one.dataset)
        for text_number, (text, group) in enumerate(by_text):
            of_text = list(group)
            texts.append(text)
            color, dash = (run_number, text_number) if several else (text_number, 0)
            label = f"{run}, {text}" if several else text
            lines.append(_perplexities(of_text, label, color, dash, run))
            level = of_text[-1].unigram.train_perplexity
            if not several and level is not None:
                lines.append(
                    Line(
                        label=f"{text}, unigrams",
                        x=np.array([0, last_step]),
                        y=np.full(2, level),
                        color=color,
                        is_reference=True,
                        run=run,
                    )
                )
    names = ", ".join(dict.fromkeys(texts))
    return Figure(
        name="perplexity",
        title="Perplexity by checkpoint",
        description=f"Perplexity per token on {names} at each checkpoint, with two standard errors",
        x_label=f"{STEP} of the checkpoint",
        y_label="perplexity per token",
        lines=lines,
        is_log_y=True,
    )


def _perplexities(
    evaluations: Sequence[PerplexityResult], label: str, color: int, dash: int, run: str
) -> Line:
    """Bars of two standard errors of the loss, hence asymmetric in perplexity.

    Perplexities that are too large for a float are left out.
    """
    evaluations = [one for one in evaluations if one.perplexity is not None]
    nats = np.array([one.nats_per_token for one in evaluations])
    margin = 2 * np.array([one.standard_error or 0.0 for one in evaluations])
    return Line(
        label=label,
        x=np.array([one.step for one in evaluations]),
        y=np.exp(nats),
        low=np.exp(nats - margin),
        high=np.exp(np.minimum(nats + margin, LARGEST_NATS)),
        color=color,
        dash=dash,
        is_marked=True,
        run=run,
    )


def _line(rows: pd.DataFrame, column: str, label: str, *, color: int, run: str) -> Line:
    return Line(
        label=label,
        x=rows["step"].to_numpy(),
        y=rows[column].to_numpy(),
        color=color,
        is_marked=len(rows) == 1,
        run=run,
    )
