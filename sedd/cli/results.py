"""`sedd table` and `report`: what is made of the numbers. No torch."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Name, Overrides, Rename
from sedd.config import load_experiment
from sedd.errors import ConfigError, Problem


def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A table: config/tables/NAME.yaml.")],
    overrides: Overrides = None,
    rename: Annotated[
        str | None, typer.Option("--name", help="Name of the changed table: its own files.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only print it, write nothing.")] = False,
) -> None:
    """Put published numbers beside ours.

    Prints the table and writes results/tables/NAME.md, .csv and .tex.

    \b
    Example: sedd table zero_shot --show
    """
    from sedd.report import make_table, render_text, write_table

    made = make_table(name, overrides or [], rename=rename, writes=not show)
    typer.echo(render_text(made))
    for path in [] if show else write_table(made):
        typer.echo(path)


def report(name: Name, overrides: Overrides = None, rename: Rename = None) -> None:
    """Make the page of a run.

    Writes results/reports/NAME.html, with pictures and data inside: it opens from disk, offline.

    \b
    Example: sedd report tiny_absorb
    """
    from sedd.paths import report_file, run_dir
    from sedd.report import write_report

    experiment = load_experiment(name, overrides or [], rename=rename)
    if experiment.base and not run_dir(experiment.name).is_dir():
        what = f"there is no run {experiment.name!r} yet; make it: sedd train {name} ... --name {experiment.name}"
        raise ConfigError("command line", [Problem("--name", what)])
    typer.echo(write_report(experiment, report_file(experiment.name)))
