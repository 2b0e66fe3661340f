"""Commands for training jobs: `sedd train --cluster`, `sedd status`, `sedd cancel`. No torch."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sedd.cli.options import run_name
from sedd.config import ClusterConfig, Experiment
from sedd.runtime.json_text import json_text
from sedd.runtime.printable import printable, unfiltered

if TYPE_CHECKING:
    from sedd.launch import RunStatus

WATCH_SECONDS = 5.0
CLEAR_SCREEN = "\x1b[2J\x1b[H"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def status(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Runs, or their folders; default: all."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh every few seconds until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON list of objects, for programs.")
    ] = False,
) -> None:
    """Show the state of training runs.

    Columns: state, job, step, loss in nats per token, tokens per second, remaining time, newest
    checkpoint, and the log of rank 0. The logs of other ranks are in the same folder. Below the
    table: checkpoints under a wrong name, and numbers made by other versions of the code.

    \b
    Example: sedd status --watch
    """
    from sedd.launch import run_statuses

    while True:
        runs = run_statuses([run_name(name) for name in names or ()])
        text = json_text([asdict(run) for run in runs], indent=2) if as_json else run_table(runs)
        if watch:
            unfiltered(sys.stdout).write(CLEAR_SCREEN)
        typer.echo(text)
        if not watch:
            return
        try:
            time.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            return


def run_table(runs: Sequence[RunStatus]) -> str:
    """One line per run; no cell is wrapped or truncated, whatever the width of the terminal."""
    from rich.console import Console
    from rich.table import Table

    if not runs:
        return "no runs yet; start one with: sedd train NAME"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("run", "state", "job"):
        table.add_column(heading)
    for heading in ("step", "loss", "token/s", "left", "checkpoint"):
        table.add_column(heading, justify="right")
    table.add_column("log")
    for run in runs:
        table.add_row(*map(printable, row(run)))
    console = Console(width=100_000, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    notes = [f"{run.run}: {note}" for run in runs for note in run.notes]
    return "\n".join([*(line.rstrip() for line in capture.get().splitlines()), *notes])


def row(run: RunStatus) -> tuple[str, ...]:
    def number(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    left = run.seconds_left
    return (
        run.run,
        f"{run.state} ({run.detail})" if run.detail and run.detail != "RUNNING" else run.state,
        f"{run.job_id} on {run.cluster}" if run.job_id else "-",
        f"{run.step}/{run.steps}" if run.steps is not None else str(run.step),
        number(run.loss_nats_per_token, ".3f"),
        number(run.tokens_per_second, ",.0f"),
        "-" if left is None else str(timedelta(seconds=round(left))),
        f"step_{run.checkpoint}" if run.checkpoint is not None else "-",
        run.log or "-",
    )


def cancel(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Runs whose jobs to cancel.")],
) -> None:
    """Cancel the training job of a run.

    The job saves its state before it ends, and no file is removed; sedd train resumes from that
    state. The command returns after the job has ended.

    \b
    Example: sedd cancel tiny_absorb
    """
    from sedd import launch

    names = [run_name(run) for run in runs]
    launch.check_runs(names)
    for name in names:
        launch.cancel(name, typer.echo)


class WaitInterrupted(Exception):
    """A signal interrupted the wait for a job."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(signal.Signals(number).name)


def submit_job(experiment: Experiment, cluster: ClusterConfig) -> None:
    """Submit the run's job, unless a live one exists, and print the location of its log."""
    from sedd.launch import ensure_job

    job = ensure_job(experiment, cluster)
    action = "submitted" if job.is_new else "already being trained by"
    typer.echo(f"{experiment.name}: {action} {job.record}")
    typer.echo(f"log: {job.record.log()}; all runs: sedd status")


def wait_for_job(
    experiment: Experiment, cluster: ClusterConfig, until: int | None, *, die_with_parent: bool
) -> None:
    """Wait for a checkpoint of the run's job. Interrupting the wait leaves the job running."""
    from sedd import launch
    from sedd.launch.record import read_record

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise WaitInterrupted(number)

    for number in SIGNALS:
        signal.signal(number, interrupt)
    if die_with_parent:
        launch.die_with_parent()
    name = experiment.name
    try:
        launch.wait_for(experiment, cluster, until)
    except WaitInterrupted as interrupted:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        record = read_record(name)
        if record is not None:
            typer.echo(
                f"{name}: {record} continues training; run the same command to wait for it again, "
                f"or cancel it with: sedd cancel {name}",
                err=True,
            )
        raise typer.Exit(128 + interrupted.number) from None


POSITION, VERBS = 21, (status, cancel)
