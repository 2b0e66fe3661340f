"""How far a run is, from its metrics and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from sedd.config import Experiment, checkpoint_steps
from sedd.paths import checkpoint_file, metrics_file


@dataclass(frozen=True)
class Progress:
    """Training progress in optimizer steps.

    trained: the last step that was logged or saved. checkpoints: steps of the existing checkpoints.
    last_update: time of the last line in the log (UTC); None without a log.
    """

    trained: int
    total: int
    checkpoints: list[int]
    last_update: str | None

    @property
    def is_finished(self) -> bool:
        return self.total in self.checkpoints


def run_progress(experiment: Experiment, metrics: pd.DataFrame) -> Progress:
    """Training progress, from the metrics and the checkpoints that exist."""
    steps, path = checkpoint_steps(experiment), metrics_file(experiment.name)
    saved = [step for step in steps if checkpoint_file(experiment.name, step).exists()]
    logged = max(metrics["step"].tolist(), default=0)
    last_update = None
    if path.is_file():
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        last_update = f"{modified:%Y-%m-%d %H:%M} UTC"
    return Progress(max([logged, *saved]), steps[-1], saved, last_update)
