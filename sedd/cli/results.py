"""Verbs that present results: curves, table, figure, report, figures, compare, overview."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Name, Overrides, Rename, RunName, run_name
from sedd.config import Experiment, load_experiment
from sedd.errors import ConfigError, Problem

RESERVED = ("index", "compare")  # pages of all runs


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
) -> None:
    """Create a page that compares runs.

    Writes results/reports/compare.html: different settings, results, and curves in common figures.

    \b
    Example: sedd compare tiny_absorb tiny_uniform
    """
    from sedd.paths import comparison_file
    from sedd.report import write_comparison

    unique_names = list(dict.fromkeys(names or recorded_runs()))
    if not unique_names:
        what = "no runs yet; name experiments to compare, or train one: sedd train NAME"
        raise ConfigError("command line", [Problem("NAME", what)])
    experiments = [load_experiment(run_name(name)) for name in unique_names]
    typer.echo(write_comparison(experiments, comparison_file()))


def overview(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Experiments to show in addition to all existing runs."
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
    typer.echo(write_index_page([*(names or []), *recorded_runs()], tables, index_page_file()))


def load_run(name: str, overrides: list[str] | None, rename: str | None) -> Experiment:
    """Load an experiment whose page can be created.

    An experiment without overrides need not have a run yet. Raises ConfigError if a changed
    experiment has no run, or if its page would replace a page of all runs.
    """
    from sedd.paths import run_dir

    experiment = load_experiment(run_name(name), overrides or [], rename=rename)
    if experiment.name in RESERVED:
        what = f"{experiment.name!r} is reserved for a page of all runs; rename the experiment"
        raise ConfigError("command line", [Problem("NAME", what)])
    if experiment.base and not run_dir(experiment.name).is_dir():
        command = f"sedd train {name} ... --name {experiment.name}"
        what = f"no run {experiment.name!r} yet; to train it: {command}"
        raise ConfigError("command line", [Problem("--name", what)])
    return experiment


def recorded_runs() -> list[str]:
    """Names of all runs of this project that recorded their settings; no pretrained models."""
    from sedd.config.yaml.source import read_source
    from sedd.paths import RESULTS

    paths = sorted((RESULTS / "runs").glob("*/config.yaml"))
    return [path.parent.name for path in paths if "pretrained" not in read_source(path).values]


POSITION, VERBS = 40, (curves, table, figure, report, figures, compare, overview)
