"""A run's curves as CSV, for those who have its checkpoints and not the trainer's own folder."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from sedd.config import Experiment, training_identity
from sedd.errors import DataError
from sedd.paths import curves_dir, metrics_file, train_dir
from sedd.results.metrics import read_metrics
from sedd.runtime.atomic import write_text

KINDS = (
    "train",
    "validation",
    "start",
)  # of lines; start: on what machine training began, or went on


def curve_files(experiment: str) -> dict[str, Path]:
    """By the kind of line that each holds."""
    return {kind: curves_dir(experiment) / f"{kind}.csv" for kind in KINDS}


def write_curves(experiment: Experiment) -> list[Path]:
    """Write train.csv, validation.csv and start.csv, one line a logged step, and return them.

    Raises DataError if no run of these settings was trained here, or if its metrics are malformed.
    """
    source, name = metrics_file(experiment.name), experiment.name
    if not trained_here(experiment):
        raise DataError(
            f"{source}: there is none of these settings; train the run here: sedd train {name}"
        )
    metrics = read_metrics(source)
    if missing := [kind for kind in KINDS if kind not in set(metrics["kind"])]:
        raise DataError(
            f"{source}: holds no line of kind {' nor '.join(missing)} yet; train on: sedd train {name}"
        )
    files = curve_files(name)
    for kind, path in files.items():
        lines = metrics.loc[metrics["kind"] == kind].drop(columns="kind")
        lines = lines.dropna(axis="columns", how="all")  # what the other kind logs
        write_text(path, lines.to_csv(index=False, lineterminator="\n"))
    return list(files.values())


def run_metrics(experiment: Experiment) -> pd.DataFrame:
    """A run's metrics: from its curves where the trainer's folder is absent or of other settings; else as it logs them.

    Raises DataError naming the file that is malformed.
    """
    files = curve_files(experiment.name)
    if trained_here(experiment) or not all(path.is_file() for path in files.values()):
        return read_metrics(metrics_file(experiment.name))
    return pd.concat([_read(path, kind) for kind, path in files.items()], ignore_index=True)


def trained_here(experiment: Experiment) -> bool:
    """Whether the trainer's folder is one of these settings."""
    try:
        there = json.loads((train_dir(experiment.name) / "identity.json").read_text())["settings"]
    except FileNotFoundError:
        return False
    wanted = json.loads(json.dumps(training_identity(experiment)))
    return {key: value for key, value in there.items() if key in wanted} == wanted


def _read(path: Path, kind: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path).astype({"step": int}).assign(kind=kind)
    except (ValueError, KeyError) as error:  # what pandas raises on parsing is a ValueError
        what = f"malformed: {error}; take it from where the run was trained"
        raise DataError(f"{path}: {what}") from error
