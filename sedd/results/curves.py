"""Curves: the metrics of a training as CSV, kept beside the checkpoints for those who lack the
trainer's folder.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sedd.config import Experiment, run_identity
from sedd.errors import DataError
from sedd.paths import curves_dir, identity_file, metrics_file
from sedd.results.trained_identity import read_identity
from sedd.results.training_log import TEXTS, read_metrics
from sedd.runtime.atomic import write_text
from sedd.runtime.csv_text import csv_text

PATH = "results/runs/{experiment}/curves/{kind}.csv"
# kinds of lines in a run's metrics; start: the machine on which training started or resumed
KINDS = ("train", "validation", "start")


def curve_files(experiment: str) -> dict[str, Path]:
    """The file of each kind of line."""
    return {kind: curves_dir(experiment) / f"{kind}.csv" for kind in KINDS}


def write_curves(experiment: Experiment) -> list[Path]:
    """Write train.csv, validation.csv and start.csv, one line per logged step, and return their
    paths.

    Raises DataError if no run with these settings was trained here, or if its metrics are
    malformed.
    """
    source, name = metrics_file(experiment.name), experiment.name
    if not trained_here(experiment):
        raise DataError(
            f"{source}: no metrics of a run with these settings; train it here: sedd train {name}"
        )
    metrics = read_metrics(source)
    if missing := [kind for kind in KINDS if kind not in set(metrics["kind"])]:
        raise DataError(
            f"{source}: no line of kind {' or '.join(missing)} yet; continue training: sedd train {name}"
        )
    files = curve_files(name)
    for kind, path in files.items():
        lines = metrics.loc[metrics["kind"] == kind].drop(columns="kind")
        lines = lines.dropna(axis="columns", how="all")  # columns of other kinds
        write_text(path, csv_text(lines))
    return list(files.values())


def run_metrics(experiment: Experiment) -> pd.DataFrame:
    """The metrics of a run: from the trainer's log, or from the curves if the log is absent or of
    other settings.

    Raises DataError that names the malformed file.
    """
    files = curve_files(experiment.name)
    if trained_here(experiment) or not all(path.is_file() for path in files.values()):
        return read_metrics(metrics_file(experiment.name))
    return pd.concat([_read(path, kind) for kind, path in files.items()], ignore_index=True)


def trained_here(experiment: Experiment) -> bool:
    """Whether the trainer's folder belongs to these settings."""
    if (recorded := read_identity(identity_file(experiment.name))) is None:
        return False
    settings = recorded.settings
    hashes = settings.get("tokens_sha256", ""), settings.get("init_sha256")
    return settings == run_identity(experiment, *hashes)


def _read(path: Path, kind: str) -> pd.DataFrame:
    try:
        lines = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
        numbers = dict.fromkeys(lines.columns.difference(TEXTS), float)
        return lines.astype(numbers).astype({"step": int}).assign(kind=kind)
    except (ValueError, KeyError) as error:  # what pandas raises on parsing is a ValueError
        what = f"malformed: {error}; take it from where the run was trained"
        raise DataError(f"{path}: {what}") from error
