"""A run on the front page: its score, its curve in small, and a text that it wrote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sedd.config import Experiment, checkpoint_steps
from sedd.report.page.commands import configured_samples
from sedd.report.page.samples import ShownSample, first_sample
from sedd.results import infill
from sedd.results.perplexity import PerplexityResult
from sedd.results.training_log import curve
from sedd.results.weights import earlier_files

WIDTH, HEIGHT = 240, 56  # of the curve, in units of its drawing


@dataclass(frozen=True)
class Curve:
    """Loss by step. points: x,y pairs of a polyline, from the upper left corner."""

    points: str
    first: float
    last: float
    what: str


@dataclass(frozen=True)
class Card:
    """score: on the training dataset, or else on the first text. Parts are None if they are missing."""

    score: PerplexityResult | None
    curve: Curve | None
    sample: ShownSample | None


def run_card(
    experiment: Experiment, metrics: pd.DataFrame, results: Iterable[PerplexityResult]
) -> Card:
    """The card of a run. Raises DataError for a malformed sample."""
    by_text = {one.dataset: one for one in results}
    own = by_text.get(experiment.data.dataset, next(iter(by_text.values()), None))
    return Card(own, _curve(metrics), _sample(experiment))


def _sample(experiment: Experiment) -> ShownSample | None:
    """The first text around given text; without one, the first of the newest checkpoint that was
    sampled as its experiment says.
    """
    steps = reversed(checkpoint_steps(experiment))
    paths = [
        Path(infill.file_of(experiment)),
        *(configured_samples(experiment, at) for at in steps),
    ]
    earlier = earlier_files(experiment.name)
    known = (path for path in paths if path.is_file() and path not in earlier)
    path = next(known, None)
    return first_sample(path) if path else None


def _curve(metrics: pd.DataFrame) -> Curve | None:
    """The validation loss, or the training loss of a run without validation."""
    for kind in ("validation", "train"):
        rows = curve(metrics, kind, "loss_nats_per_token")
        if len(rows) > 1:
            steps, losses = rows["step"], rows["loss_nats_per_token"]
            x = WIDTH * (steps - steps.min()) / max(steps.max() - steps.min(), 1)
            y = HEIGHT * (losses.max() - losses) / max(losses.max() - losses.min(), 1e-9)
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
            name = {"train": "training"}.get(kind, kind)
            return Curve(points, float(losses.iloc[0]), float(losses.iloc[-1]), f"{name} loss")
    return None
