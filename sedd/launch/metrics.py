"""How far a run is, read from the metrics that its trainer writes. No torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sedd.config import Experiment
from sedd.paths import metrics_file

TAIL = 1 << 16
"""bytes read from the end: the newest lines"""


@dataclass(frozen=True)
class Position:
    """The newest line of a run's metrics."""

    step: int
    loss_nats_per_token: float
    tokens_per_second: float
    written: float
    """when, in seconds since 1970"""

    def seconds_left(self, experiment: Experiment, until: int) -> float:
        """Time to step `until` at this rate."""
        tokens = (until - self.step) * experiment.training.batch_size * experiment.data.length
        return max(tokens, 0) / self.tokens_per_second


def read_position(run: str) -> Position | None:
    """The newest line, or None if there is none yet. A line that is being written is left for later."""
    path: Path = metrics_file(run)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - TAIL))
            lines = file.read().split(b"\n")[:-1]
            written = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            values = json.loads(line)
        except ValueError:  # the first of the tail may be cut
            continue
        if values.get("kind") == "train":
            return Position(
                values["step"], values["loss_nats_per_token"], values["tokens_per_second"], written
            )
    return None


def clock_time(seconds: float) -> str:
    """As 1:02:03, with days before it if there are any."""
    days, rest = divmod(round(seconds), 86_400)
    text = f"{rest // 3600}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days} d {text}" if days else text
