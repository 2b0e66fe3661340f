"""Metrics of a run: JSON lines for reports, TensorBoard, optionally Weights & Biases."""

from __future__ import annotations

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from sedd.runtime.atomic import no_follow
from sedd.runtime.json_text import finite_or_none, json_text
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
        path = folder / "metrics.jsonl"
        drop_incomplete_line(path)
        self._lines = open(path, "a", encoding="utf-8", opener=no_follow)  # noqa: SIM115
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, kind: str, **values: float | str) -> None:
        """Append a line. Numbers are also plotted in TensorBoard.

        A number that is not finite is null in the line, and missing elsewhere: JSON has none, and a
        curve has a gap there.
        """
        line = {"step": step, "kind": kind, **values}
        self._lines.write(json_text({key: finite_or_none(one) for key, one in line.items()}) + "\n")
        self._lines.flush()
        values = {name: one for name, one in values.items() if finite_or_none(one) is not None}
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
        with open(path, "rb+", opener=no_follow) as file:
            file.truncate(content.rfind(b"\n") + 1)
