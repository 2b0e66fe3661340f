"""Checkpoints in the folder of a run. Never imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sedd.errors import CheckpointError
from sedd.paths import numbered_files


def steps_present(run: Path) -> list[int]:
    """Steps of the checkpoints in a run's folder, in ascending order."""
    return list(numbered_files(run / "checkpoints", "step"))


def find_checkpoint(runs: Sequence[Path], step: int | None = None) -> Path:
    """The checkpoint of `step`, or the newest, in the first of these runs that has any.

    Raises CheckpointError that lists the steps of that run.
    """
    run = next((run for run in runs if steps_present(run)), runs[0])
    present = steps_present(run)
    if present and step in (None, *present):
        return run / "checkpoints" / f"step_{present[-1] if step is None else step}.pt"
    missing = "no checkpoint yet" if step is None else f"no checkpoint of step {step}"
    raise CheckpointError(
        f"{run / 'checkpoints'}: the run {run.name!r} has {missing}; steps there: "
        f"{', '.join(map(str, present)) or 'none'}; train it with: sedd train {run.name}"
    )
