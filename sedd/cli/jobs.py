"""Training as a job: what `sedd train --cluster` does, `sedd status` and `sedd cancel`. No torch."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import asdict
from types import FrameType
from typing import Annotated

import typer

from sedd.config import Experiment, load_cluster

SECONDS_BETWEEN_SCREENS = 5.0
CLEARED = "\x1b[2J\x1b[H"
"""what makes a terminal empty, and begin again at its top"""


def status(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Runs; all by default.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every few seconds, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: a list of objects.")
    ] = False,
) -> None:
    """Show what the runs are doing.

    State, job, step, loss in nats a token, tokens a second, time left, last checkpoint, and the log of the job's first
    process, beside which lie those of the others.

    \b
    Example: sedd status --watch
    """
    from sedd.launch import render, run_statuses

    while True:
        runs = run_statuses(names or ())
        text = json.dumps([asdict(run) for run in runs], indent=2) if as_json else render(runs)
        typer.echo(CLEARED + text if watch else text)
        if not watch:
            return
        try:
            time.sleep(SECONDS_BETWEEN_SCREENS)
        except KeyboardInterrupt:
            return


def cancel(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help="Runs whose jobs are to be stopped.")
    ],
) -> None:
    """Stop the training job of a run.

    The job saves its state, and ends; nothing is removed, and training goes on from there with sedd train. Returns when
    the job is gone.

    \b
    Example: sedd cancel tiny_absorb
    """
    from sedd.launch import cancel as stop

    for run in runs:
        stop(run, typer.echo)


class WaitingEnded(Exception):
    """A signal asked to wait no longer."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(signal.Signals(number).name)


def send_job(experiment: Experiment, cluster: str) -> None:
    """Send the run's job, unless one is alive, and say where to look."""
    from sedd.launch import describe, ensure

    ensured = ensure(experiment, load_cluster(cluster))
    did = "sent" if ensured.is_new else "is trained already by"
    typer.echo(f"{experiment.name}: {did} {describe(ensured.record)}")
    typer.echo(f"log: {ensured.record.log()}; all runs: sedd status")


def wait_for_job(
    experiment: Experiment, cluster: str, until: int | None, *, die_with_parent: bool
) -> None:
    """Wait for a checkpoint that the run's job makes. The job outlives the waiting."""
    from sedd import launch
    from sedd.launch.record import read_record

    def end(number: int, frame: FrameType | None) -> None:
        raise WaitingEnded(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if die_with_parent:
        launch.die_with_parent()
    name = experiment.name
    try:
        launch.wait_for(experiment, load_cluster(cluster), until)
    except WaitingEnded as ended:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        record = read_record(name)
        if record is not None:
            typer.echo(
                f"{name}: {launch.describe(record)} trains on; the same command waits for it again, "
                f"and this stops it: sedd cancel {name}",
                err=True,
            )
        raise typer.Exit(128 + ended.number) from None
