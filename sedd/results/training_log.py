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
LARGEST = 1e300  # any number is below it
TEXTS = ("kind", "device", "created", "code_version")  # all other values are numbers
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
            if (
                not (type(record["step"]) is int and 0 <= record["step"] < 2**63)
                or type(record["kind"]) is not str
            ):
                raise ValueError("`step` must be an integer and `kind` must be text")
            if wrong := [key for key, value in record.items() if not _fits(key, value)]:
                raise ValueError(f"a wrong type, or no finite number: {', '.join(wrong)}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            what = f"missing key {error}" if isinstance(error, KeyError) else error
            raise DataError(
                f"{path}, line {number}: malformed: {what}; remove the line, or train the run again"
            ) from error
        records.append(record)
    return records


def _fits(key: str, value: Any) -> bool:
    """Whether a line can have this value. A number that was not finite is null, or NaN in old logs."""
    if key in TEXTS:
        return isinstance(value, str) and value.isprintable()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (is_number and (value != value or abs(value) < LARGEST))


def curve(metrics: pd.DataFrame, kind: str, *columns: str) -> pd.DataFrame:
    """The column `step` and those named in `columns`, of the lines that have the first of them.

    A line without one of the other columns has NaN there.
    A longer curve is thinned to at most POINTS means over equal intervals of steps.
    """
    names = ["step", *columns]
    if columns[0] not in metrics:
        return pd.DataFrame({name: [] for name in names}, dtype=float)
    of_kind = metrics.loc[metrics["kind"] == kind].reindex(columns=names)
    lines_of_kind = of_kind.dropna(subset=names[:2]).astype(dict.fromkeys(columns, float))
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
