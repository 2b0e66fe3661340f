"""Verbs that present results: curves, table, figure, report, figures, compare, overview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sedd.cli.options import Name, Overrides, Rename, RunName, run_name
from sedd.config import Experiment, load_experiment
from sedd.errors import ConfigError, Problem


def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Table (config/tables/NAME.yaml).")],
    overrides: Overrides = None,
    rename: Annotated[
        str | None,
        typer.Option("--name", help="Name for the changed table; it gets files of its own."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Only print the table; write nothing.")
    ] = False,
) -> None:
    """Compare published numbers with ours in a table.

    Prints the table and writes results/tables/NAME.md, .csv, .tex and .html.

    \b
    Example: sedd table zero_shot --show
    """
    from sedd.report import make_table, render_text, write_table

    filled = make_table(name, overrides or [], rename=rename, writes=not show)
    typer.echo(render_text(filled))
    for path in [] if show else write_table(filled):
        typer.echo(path)


def curves(
    name: RunName,
) -> None:
    """Export the training curves of a run as CSV.

    Writes results/runs/RUN/curves/train.csv, validation.csv and start.csv, one line for each entry
    of the training log. Keep these files with the checkpoints: `sedd report` can then draw the
    curves on a machine without the log.

    \b
    Example: sedd curves tiny_absorb
    """
    from sedd.report import write_curves

    for path in write_curves(load_experiment(run_name(name))):
        typer.echo(path)


def figure(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Table of generative perplexities.")],
) -> None:
    """Draw a table as a figure by network calls per text.

    Writes results/figures/NAME.pdf and .png. The plotted numbers are in results/tables/NAME.csv.

    \b
    Example: sedd figure generative_steps
    """
    from sedd.report import make_table
    from sedd.report.figure.steps_figure import write_steps_figure

    for path in write_steps_figure(make_table(name)):
        typer.echo(path)


def report(name: Name, overrides: Overrides = None, rename: Rename = None) -> None:
    """Create the page of a run.

    Writes results/reports/NAME.html, one file that needs no network, and NAME.json with the numbers
    of the last checkpoint. The page can be created during training; it shows what is missing.

    \b
    Example: sedd report tiny_absorb
    """
    from sedd.paths import report_file
    from sedd.report import write_report

    experiment = load_run(name, overrides, rename)
    typer.echo(write_report(experiment, report_file(experiment.name)))


def figures(name: Name, overrides: Overrides = None, rename: Rename = None) -> None:
    """Draw the figures of a run for a paper.

    Writes results/figures/NAME/FIGURE.pdf and .png for every figure that has numbers: loss,
    perplexity and others.

    \b
    Example: sedd figures tiny_absorb
    """
    from sedd.paths import figures_dir
    from sedd.report import write_figures

    experiment = load_run(name, overrides, rename)
    for path in write_figures(experiment, figures_dir(experiment.name)):
        typer.echo(path)


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Experiments or runs.  [default: all runs]"),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="In place of runs: a sweep, config/sweeps/SWEEP.yaml."),
    ] = None,
) -> None:
    """Create a page that compares runs, or the settings of a sweep.

    Writes results/reports/compare.html: different settings, results, and curves in common figures.
    With --sweep, writes results/reports/sweeps/SWEEP.html: a row and a curve for each setting, the
    mean over its seeds with their standard deviation; also as .csv and .md.

    \b
    Examples: sedd compare tiny_absorb tiny_uniform
              sedd compare --sweep learning_rate
    """
    from sedd.config import load_sweep
    from sedd.paths import comparison_file
    from sedd.report import write_comparison, write_sweep

    if sweep is not None:
        if names:
            raise typer.BadParameter("--sweep names the runs; leave out NAME")
        for path in write_sweep(load_sweep(sweep)):
            typer.echo(path)
        return
    unique_names = list(dict.fromkeys(names or recorded_runs()))
    if not unique_names:
        what = "no runs yet; name experiments to compare, or train one: sedd train NAME"
        raise ConfigError("command line", [Problem("NAME", what)])
    typer.echo(write_comparison(load_all(unique_names), comparison_file()))


def overview(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Experiments to show in addition to all existing runs, trained or not.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="Table to show; can be repeated.  [default: all of config/tables]"),
    ] = None,
) -> None:
    """Create the page of all runs and tables.

    Writes results/reports/index.html: all runs with their progress and numbers, and tables that
    compare published numbers with ours.

    \b
    Example: sedd overview --table zero_shot
    """
    from sedd.config.file_names import stems
    from sedd.paths import index_page_file, table_file
    from sedd.report import write_index_page

    tables = table or stems(table_file("x").parent)
    experiments = [experiment.name for experiment in load_all(names or [])]
    typer.echo(write_index_page([*experiments, *recorded_runs()], tables, index_page_file()))


def load_all(names: Sequence[str]) -> list[Experiment]:
    """Load experiments or runs. Raises ConfigError, for all unknown names at once."""
    from sedd.config.definition import check_known

    runs = [run_name(name) for name in names]
    check_known(runs)
    return [load_experiment(run) for run in runs]


def load_run(name: str, overrides: list[str] | None, rename: str | None) -> Experiment:
    """Load an experiment whose page can be created.

    An experiment without overrides need not have a run yet. Raises ConfigError if a changed
    experiment has no run.
    """
    from sedd.paths import run_dir

    experiment = load_experiment(run_name(name), overrides or [], rename=rename)
    if experiment.base and not run_dir(experiment.name).is_dir():
        command = f"sedd train {name} ... --name {experiment.name}"
        what = f"no run {experiment.name!r} yet; to train it: {command}"
        raise ConfigError("command line", [Problem("--name", what)])
    return experiment


def recorded_runs() -> list[str]:
    """Names of all runs of this project that recorded their settings; no pretrained models."""
    from sedd.config.definition import resolved_file
    from sedd.config.file_names import run_folders
    from sedd.config.yaml.source import read_source

    files = {folder.name: resolved_file(folder.name) for folder in run_folders()}
    return [
        name
        for name, file in files.items()
        if file.is_file() and "pretrained" not in read_source(file).values
    ]


POSITION, VERBS = 40, (curves, table, figure, report, figures, compare, overview)
