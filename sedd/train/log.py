"""The run's metrics: one JSON a line for the reports, and TensorBoard for those who watch."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from sedd.train.wandb_log import WandbLog


class MetricsLog:
    """Appends to `metrics.jsonl` and to event files beside it.

    A run that was killed repeats the steps after its last checkpoint: readers take the last line of a step.
    """

    def __init__(self, folder: Path, step: int, wandb: WandbLog | None = None):
        """wandb: takes every line too."""
        self._wandb = wandb
        folder.mkdir(parents=True, exist_ok=True)
        self._end_torn_line(folder / "metrics.jsonl")
        self._lines = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    @staticmethod
    def _end_torn_line(path: Path) -> None:
        """A killed writer may have left half a line: drop it."""
        if not path.exists():
            return
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            with path.open("rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)

    def write(self, step: int, kind: str, **values: float | str) -> None:
        """Add a line; its numbers are plotted too."""
        self._lines.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        self._lines.flush()
        for name, value in values.items():
            if not isinstance(value, str):
                self._board.add_scalar(f"{kind}/{name}", value, step)
        if self._wandb:
            self._wandb.write(step, kind, **values)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._board.close()
