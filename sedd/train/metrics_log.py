"""Metrics of a run: JSON lines for reports, TensorBoard, optionally Weights & Biases."""

from __future__ import annotations

import json
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from sedd.train.wandb_log import WandbLog


class MetricsLog:
    """Appends to `metrics.jsonl` and to TensorBoard's event files in the same folder.

    A run that was killed repeats the steps after its newest state. For a repeated step, readers
    must use the last line.
    """

    def __init__(self, folder: Path, step: int, wandb: WandbLog | None = None):
        """step: the newest completed step. wandb: also receives every line."""
        self._wandb = wandb
        folder.mkdir(parents=True, exist_ok=True)
        drop_incomplete_line(folder / "metrics.jsonl")
        self._lines = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, kind: str, **values: float | str) -> None:
        """Append a line. Numbers are also plotted in TensorBoard."""
        self._lines.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        self._lines.flush()
        for name, value in values.items():
            if not isinstance(value, str):
                self._board.add_scalar(f"{kind}/{name}", value, step)
        if self._wandb:
            self._wandb.write(step, kind, **values)

    def close(self) -> None:
        self._lines.close()
        self._board.close()


def drop_incomplete_line(path: Path) -> None:
    """Remove the incomplete last line that a killed process may have left."""
    if not path.exists():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("rb+") as file:
            file.truncate(content.rfind(b"\n") + 1)
