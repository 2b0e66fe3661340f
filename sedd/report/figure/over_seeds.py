"""Curves of a sweep: for each setting the mean over its seeds, with a band of one standard
deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sedd.report.figure.content import METRICS, STEP, Figure, Line
from sedd.results.perplexity import PerplexityResult
from sedd.results.training_log import curve

BAND = "one standard deviation over seeds"
Runs = Mapping[str, Sequence[pd.DataFrame]]  # the metrics of the runs of each setting


def mean_figures(runs: Runs, measured: Mapping[str, Sequence[PerplexityResult]]) -> list[Figure]:
    """Loss, perplexity and training metrics by optimizer step. A figure without lines is false.

    measured: the results of all runs of each setting.
    """
    return [
        _loss_figure(runs),
        _perplexity_figure(measured),
        *(_metric_figure(runs, column) for column in METRICS),
    ]


def over_seeds(curves: Sequence[pd.DataFrame], column: str) -> pd.DataFrame:
    """Columns `step`, `mean`, `sd` and `count` over several curves with the columns `step` and
    `column`. sd: with one degree of freedom less than curves; NaN for a single one.

    A step counts if it is in as many curves as any: while seeds are still trained, a mean over few
    of them would jump.
    """
    points = pd.concat([one[["step", column]] for one in curves])
    table = points.groupby("step")[column].agg(["mean", "std", "count"]).reset_index()
    table = table.rename(columns={"std": "sd"})
    return table.loc[table["count"] == table["count"].max()].reset_index(drop=True)


def _loss_figure(runs: Runs) -> Figure:
    """Validation loss; training loss of settings without validation."""
    lines = []
    for number, (setting, metrics) in enumerate(runs.items()):
        for kind in ("validation", "train"):
            curves = [curve(one, kind, "loss_nats_per_token") for one in metrics]
            curves = [one for one in curves if not one.empty]
            if curves:
                what = "validation" if kind == "validation" else "training"
                label = f"{setting}, {what}"
                lines.append(
                    _line(over_seeds(curves, "loss_nats_per_token"), label, setting, number)
                )
                break
    return Figure(
        name="loss",
        title="Loss",
        description="Bound on the negative log-likelihood in nats per token, mean over seeds",
        x_label=STEP,
        y_label="nats per token",
        lines=lines,
        band=BAND,
    )


def _metric_figure(runs: Runs, column: str) -> Figure:
    """One column of the training metrics, a key of METRICS."""
    title, label = METRICS[column]
    lines = []
    for number, (setting, metrics) in enumerate(runs.items()):
        curves = [curve(one, "train", column) for one in metrics]
        if curves := [one for one in curves if not one.empty]:
            lines.append(_line(over_seeds(curves, column), setting, setting, number))
    return Figure(
        name=column,
        title=title,
        description=f"{title} by optimizer step, mean over seeds",
        x_label=STEP,
        y_label=label,
        lines=lines,
        is_from_zero=True,
        is_wide=False,
        band=BAND,
    )


def _perplexity_figure(measured: Mapping[str, Sequence[PerplexityResult]]) -> Figure:
    """Perplexity on each text by checkpoint; those too large for a float are left out."""
    lines = []
    texts = list(dict.fromkeys(one.dataset for found in measured.values() for one in found))
    for number, (setting, found) in enumerate(measured.items()):
        for dash, text in enumerate(texts):
            points = [(one.step, one.perplexity) for one in found if one.dataset == text]
            frame = pd.DataFrame(points, columns=["step", "perplexity"]).dropna()
            if not frame.empty:
                table = over_seeds([frame], "perplexity")
                lines.append(_line(table, f"{setting}, {text}", setting, number, dash))
    return Figure(
        name="perplexity",
        title="Perplexity by checkpoint",
        description="Perplexity per token on each text at each checkpoint, mean over seeds",
        x_label=f"{STEP} of the checkpoint",
        y_label="perplexity per token",
        lines=lines,
        is_log_y=True,
        band=BAND,
    )


def _line(table: pd.DataFrame, label: str, setting: str, color: int, dash: int = 0) -> Line:
    mean, sd = table["mean"].to_numpy(float), table["sd"].to_numpy(float)
    has_band = len(table) > 0 and not np.isnan(sd).any()
    return Line(
        label=label,
        x=table["step"].to_numpy(),
        y=mean,
        low=np.maximum(mean - sd, mean * 0.01) if has_band else None,
        high=mean + sd if has_band else None,
        color=color,
        dash=dash,
        is_marked=len(table) < 60,
        run=setting,
    )
