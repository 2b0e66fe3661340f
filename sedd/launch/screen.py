"""Runs as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from sedd.launch.metrics import clock_time
from sedd.launch.status import RunStatus

HEADINGS = ("run", "state", "job", "step", "loss", "token/s", "left", "checkpoint", "log")
TO_THE_RIGHT = {"step", "loss", "token/s", "left", "checkpoint"}


def render(runs: Sequence[RunStatus]) -> str:
    """One line a run. The loss is in nats a token."""
    if not runs:
        return "no runs yet; train one: sedd train NAME"
    rows = [HEADINGS, *(cells(run) for run in runs)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    lines = []
    for row in rows:
        parts = [
            cell.rjust(width) if heading in TO_THE_RIGHT else cell.ljust(width)
            for heading, cell, width in zip(HEADINGS, row, widths, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def cells(run: RunStatus) -> tuple[str, ...]:
    job = f"{run.job_id} on {run.cluster}" if run.job_id else "-"
    steps = f"{run.step}/{run.steps}" if run.steps is not None else str(run.step)
    return (
        run.run,
        f"{run.state} ({run.detail})" if run.detail and run.detail != "RUNNING" else run.state,
        job,
        steps,
        optional(run.loss_nats_per_token, ".3f"),
        optional(run.tokens_per_second, ",.0f"),
        "-" if run.seconds_left is None else clock_time(run.seconds_left),
        f"step_{run.checkpoint}" if run.checkpoint is not None else "-",
        run.log or "-",
    )


def optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
