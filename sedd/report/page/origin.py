"""Where a run comes from and what it cost: hashes of settings, data and checkpoints, machines, hours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sedd.config import Experiment, checkpoint_steps
from sedd.paths import checkpoint_file, tokens_dir, train_dir
from sedd.results.collect import Provenance
from sedd.results.metrics import total


@dataclass(frozen=True)
class Checkpoint:
    """sha256: as noted beside the file when it was written; None if there is no note."""

    step: int
    path: str
    sha256: str | None


@dataclass(frozen=True)
class Start:
    """The trainer began, or went on: where, when and with which code."""

    step: int
    device: str
    num_processes: int
    created: str
    code_version: str


@dataclass(frozen=True)
class Cost:
    """Hours, of one processor each. Of the training None if it is not known where it ran.

    training_seconds: between the log's lines, on the clock, without validation. saving_seconds: training stood still.
    """

    training_seconds: float
    saving_seconds: float
    training_hours: float | None
    is_gpu: bool | None
    measuring_seconds: float
    measuring_gpu_hours: float


@dataclass(frozen=True)
class Origin:
    config_sha256: str
    tokens: list[tuple[str, str]]
    """a split of the data, and the hash of its tokens"""
    checkpoints: list[Checkpoint]
    starts: list[Start]
    cost: Cost


def origin(
    experiment: Experiment, metrics: pd.DataFrame, measurements: Iterable[Provenance]
) -> Origin:
    """All that the run's files tell."""
    starts = _starts(metrics)
    return Origin(
        config_sha256=experiment.sha256(),
        tokens=_tokens(experiment),
        checkpoints=_checkpoints(experiment),
        starts=starts,
        cost=_cost(metrics, starts, list(measurements)),
    )


def _tokens(experiment: Experiment) -> list[tuple[str, str]]:
    data, found = experiment.data, []
    trained = train_dir(experiment.name) / "identity.json"
    if sha256 := _read(trained, "settings", "tokens_sha256"):
        found.append((f"{data.dataset}, train", sha256))
    wanted = [(data.dataset, "validation"), *((t, "test") for t in experiment.evaluation.datasets)]
    for text, split in wanted:
        meta = tokens_dir(text, data.tokenizer, split) / "meta.json"
        if sha256 := _read(meta, "tokens_sha256"):
            found.append((f"{text}, {split}", sha256))
    return found


def _read(path: Path, *keys: str) -> str | None:
    """A text deep in a JSON file of ours; None if it is not there."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def _checkpoints(experiment: Experiment) -> list[Checkpoint]:
    found = []
    for step in checkpoint_steps(experiment):
        path = checkpoint_file(experiment.name, step)
        note = path.with_name(f"{path.name}.sha256")
        if path.exists():
            sha256 = note.read_text(encoding="utf-8").split()[0] if note.is_file() else None
            found.append(Checkpoint(step, str(path), sha256))
    return found


def _starts(metrics: pd.DataFrame) -> list[Start]:
    if "device" not in metrics:
        return []
    rows = metrics.loc[metrics["kind"] == "start"].sort_values("step")
    return [
        Start(
            step=int(row["step"]),
            device=str(row["device"]),
            num_processes=int(row["world_size"]),
            created=str(row["created"]),
            code_version=str(row["code_version"]),
        )
        for row in rows.to_dict("records")
    ]


def _cost(metrics: pd.DataFrame, starts: list[Start], measurements: list[Provenance]) -> Cost:
    logged = metrics.loc[metrics["kind"] == "train"]
    seconds = logged["seconds"] if "seconds" in metrics else 0.0 * logged["step"]
    hours = None
    if starts:
        begun = np.searchsorted([start.step for start in starts], logged["step"], side="left") - 1
        processes = np.array([start.num_processes for start in starts])[begun.clip(0)]
        hours = float((seconds.to_numpy() * processes).sum()) / 3600
    return Cost(
        training_seconds=total(metrics, "seconds"),
        saving_seconds=total(metrics, "seconds_training_stood_still"),
        training_hours=hours,
        is_gpu=None if not starts else not starts[-1].device.startswith("cpu"),
        measuring_seconds=sum(found.seconds for found in measurements),
        measuring_gpu_hours=sum(
            found.seconds for found in measurements if not found.device.startswith("cpu")
        )
        / 3600,
    )
