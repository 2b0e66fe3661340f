"""Metrics of a training: read from the trainer's log, and thinned to the points that a figure can
show.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sedd.errors import DataError

LINES_PER_CHUNK = 50_000
POINTS = 1500  # of a thinned curve; more than the pixels of a page


def read_metrics(path: Path) -> pd.DataFrame:
    """The metrics of a run, sorted by kind and step; empty if there are none yet.

    A resumed run repeats steps: the last line of each (kind, step) counts. A last line without a
        newline is still being
    written and is left out. Raises DataError that names the first malformed line.
    """
    frames = [pd.DataFrame({"kind": [], "step": []})]
    if path.is_file():
        with path.open("rb") as file:
            start = 1
            while lines := list(islice(file, LINES_PER_CHUNK)):
                whole = lines if lines[-1].endswith(b"\n") else lines[:-1]
                if whole:
                    frames.append(pd.DataFrame(_records(whole, path, start)))
                start += len(lines)
    metrics = pd.concat(frames[1:] or frames)
    last = metrics.drop_duplicates(["kind", "step"], keep="last")
    return last.sort_values(["kind", "step"], ignore_index=True)


def _records(lines: Iterable[bytes], path: Path, start: int) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(lines, start):
        try:
            record = json.loads(line)
            if type(record["step"]) is not int or type(record["kind"]) is not str:
                raise ValueError("`step` must be an integer and `kind` a text")
        except (ValueError, KeyError, TypeError) as error:
            what = f"missing key {error}" if isinstance(error, KeyError) else error
            raise DataError(
                f"{path}, line {number}: malformed: {what}; remove the line, or train the run again"
            ) from error
        records.append(record)
    return records


def curve(metrics: pd.DataFrame, kind: str, *columns: str) -> pd.DataFrame:
    """The column `step` and those named in `columns`, of the lines that have all of them.

    A longer curve is thinned to at most POINTS means over equal intervals of steps.
    """
    names = ["step", *columns]
    if not set(names) <= set(metrics.columns):
        return pd.DataFrame({name: [] for name in names}, dtype=float)
    lines_of_kind = metrics.loc[metrics["kind"] == kind, names].dropna()
    if len(lines_of_kind) <= POINTS:
        return lines_of_kind.reset_index(drop=True)
    edges = np.linspace(lines_of_kind["step"].min(), lines_of_kind["step"].max(), POINTS + 1)[1:-1]
    interval = np.searchsorted(edges, lines_of_kind["step"], side="left")
    return lines_of_kind.groupby(interval).mean().reset_index(drop=True)


def total(metrics: pd.DataFrame, column: str) -> float:
    """The sum of a column; 0 if nothing was logged in it."""
    if column not in metrics:
        return 0.0
    return float(metrics[column].to_numpy(float, na_value=0.0).sum())
