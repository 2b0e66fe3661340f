"""Origin and cost of a run: hashes of settings, data and checkpoints, machines, hours."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sedd.config import Experiment, checkpoint_steps, needed_tokens
from sedd.paths import checkpoint_file, identity_file, tokens_dir
from sedd.results.record import Provenance
from sedd.results.training_log import total
from sedd.runtime.publish import recorded_sha256


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file. sha256: as recorded beside it when it was written; None without a record."""

    step: int
    path: str
    sha256: str | None


@dataclass(frozen=True)
class Start:
    """A start or resumption of the training: machine, time and code version."""

    step: int
    device: str
    num_processes: int
    created: str
    code_version: str


@dataclass(frozen=True)
class Cost:
    """Cost of a run.

    training_seconds: wall-clock time of the logged steps, without validation. saving_seconds:
        wall-clock time that
    training waited for checkpoints to be written. training_hours: summed over processes; None if
    the machine is unknown.
    """

    training_seconds: float
    saving_seconds: float
    training_hours: float | None
    is_gpu: bool | None
    measuring_seconds: float
    measuring_gpu_hours: float


@dataclass(frozen=True)
class Origin:
    """Where a run comes from."""

    config_sha256: str
    sources: list[tuple[str, str]]
    """hashes of the tokens of each text, and of the weights that the training began with, by name"""
    checkpoints: list[Checkpoint]
    starts: list[Start]
    cost: Cost


def origin(
    experiment: Experiment, metrics: pd.DataFrame, measurements: Iterable[Provenance]
) -> Origin:
    """Collect hashes, checkpoints, starts and costs of a run from its files."""
    starts = _starts(metrics)
    return Origin(
        config_sha256=experiment.sha256(),
        sources=_sources(experiment),
        checkpoints=_checkpoints(experiment),
        starts=starts,
        cost=_cost(metrics, starts, list(measurements)),
    )


def _sources(experiment: Experiment) -> list[tuple[str, str]]:
    """The hash of every text that the run was trained, validated or measured on, as far as its
    tokens are here, of their vocabulary, and of the weights that it began with.
    """
    hashes = []
    if (record := identity_file(experiment.name)).is_file():
        vocabulary = _read(record, "tokenizer_sha256") or "unknown"
        hashes.append((f"Vocabulary: {experiment.data.tokenizer}", vocabulary))
    if sha256 := _read(identity_file(experiment.name), "settings", "init_sha256"):
        hashes.append((f"Initial weights: {experiment.training.init}", sha256))
    if sha256 := _read(identity_file(experiment.name), "settings", "tokens_sha256"):
        hashes.append((f"Tokens: {experiment.data.dataset}, train", sha256))
    for text, tokenizer, split in needed_tokens(experiment):
        meta = tokens_dir(text, tokenizer, split) / "meta.json"
        if split != "train" and (sha256 := _read(meta, "tokens_sha256")):
            hashes.append((f"Tokens: {text}, {split}", sha256))
    return hashes


def _read(path: Path, *keys: str) -> str | None:
    """A nested string of a JSON file; None if it is missing."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None


def _checkpoints(experiment: Experiment) -> list[Checkpoint]:
    checkpoints = []
    for step in checkpoint_steps(experiment):
        path = checkpoint_file(experiment.name, step)
        if path.exists():
            checkpoints.append(Checkpoint(step, str(path), recorded_sha256(path)))
    return checkpoints


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
        # the start that each logged step belongs to
        begun = np.searchsorted([start.step for start in starts], logged["step"], side="left") - 1
        processes = np.array([start.num_processes for start in starts])[begun.clip(0)]
        hours = float((seconds.to_numpy() * processes).sum()) / 3600
    measuring = [(one.seconds or 0.0, one.device.startswith("cpu")) for one in measurements]
    return Cost(
        training_seconds=total(metrics, "seconds"),
        saving_seconds=total(metrics, "seconds_blocked"),
        training_hours=hours,
        is_gpu=None if not starts else not starts[-1].device.startswith("cpu"),
        measuring_seconds=sum(seconds for seconds, _ in measuring),
        measuring_gpu_hours=sum(seconds for seconds, is_cpu in measuring if not is_cpu) / 3600,
    )
