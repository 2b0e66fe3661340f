"""`sedd curves`, `table`, `report`, `figures`, `compare` and `overview`: what is made of the numbers. No torch."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Name, Overrides, Rename
from sedd.config import Experiment, load_experiment
from sedd.errors import ConfigError, Problem

PAGES = ("index", "compare")


def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A table: config/tables/NAME.yaml.")],
    overrides: Overrides = None,
    rename: Annotated[
        str | None, typer.Option("--name", help="Name of the changed table: its own files.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only print it, write nothing.")] = False,
) -> None:
    """Put published numbers beside ours.

    Prints the table and writes results/tables/NAME.md, .csv, .tex and .html.

    \b
    Example: sedd table zero_shot --show
    """
    from sedd.report import make_table, render_text, write_table

    made = make_table(name, overrides or [], rename=rename, writes=not show)
    typer.echo(render_text(made))
    for path in [] if show else write_table(made):
        typer.echo(path)


def curves(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run that was trained here.")],
) -> None:
    """Write the loss curves of a run as CSV.

    Writes results/runs/RUN/curves/train.csv, validation.csv and start.csv, one line for each step that the trainer logged,
    to be kept with the checkpoints: `sedd report` draws them where the run was not trained.

    \b
    Example: sedd curves tiny_absorb
    """
    from sedd.report import write_curves

    for path in write_curves(load_experiment(name)):
        typer.echo(path)


def figure(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A table of generative perplexities.")
    ],
) -> None:
    """Draw a table against denoising steps.

    Writes results/figures/NAME.pdf and .png; the data of the picture is results/tables/NAME.csv.

    \b
    Example: sedd figure generative_steps
    """
    from sedd.report import make_table
    from sedd.report.figure.steps_figure import write_steps_figure

    for path in write_steps_figure(make_table(name)):
        typer.echo(path)


def report(name: Name, overrides: Overrides = None, rename: Rename = None) -> None:
    """Make the page of a run.

    Writes results/reports/NAME.html, with pictures and data inside: it opens from disk, offline. It can be made while the run is
    still training: what is not there yet says so. Beside it stands NAME.json, the numbers of the last checkpoint.

    \b
    Example: sedd report tiny_absorb
    """
    from sedd.paths import report_file
    from sedd.report import write_report

    experiment = run_of(name, overrides, rename)
    typer.echo(write_report(experiment, report_file(experiment.name)))


def figures(name: Name, overrides: Overrides = None, rename: Rename = None) -> None:
    """Draw the pictures of a run's page for a paper.

    Writes results/figures/NAME/FIGURE.pdf and .png: loss, perplexity and whatever else there are numbers for.

    \b
    Example: sedd figures tiny_absorb
    """
    from sedd.paths import figures_dir
    from sedd.report import write_figures

    experiment = run_of(name, overrides, rename)
    for path in write_figures(experiment, figures_dir(experiment.name)):
        typer.echo(path)


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Experiments or runs; every run by default."),
    ] = None,
) -> None:
    """Put runs side by side on a page.

    Writes results/reports/compare.html: the settings in which they differ, their numbers, and their curves on one plot.

    \b
    Example: sedd compare tiny_absorb tiny_uniform
    """
    from sedd.paths import comparison_file
    from sedd.report import write_comparison

    chosen = list(dict.fromkeys(names or runs_there()))
    if not chosen:
        what = "there is no run yet; name experiments, or train one: sedd train NAME"
        raise ConfigError("command line", [Problem("NAME", what)])
    typer.echo(write_comparison([load_experiment(name) for name in chosen], comparison_file()))


def overview(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Experiments to show even if they have not run yet."
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="A table to show; may be repeated; all of config/tables by default."),
    ] = None,
) -> None:
    """Make the front page.

    Writes results/reports/index.html: every run with its state and numbers, and the tables, published numbers beside ours.

    \b
    Example: sedd overview --table zero_shot
    """
    from sedd.config.file_names import stems
    from sedd.paths import front_page_file, table_file
    from sedd.report import write_front_page

    tables = table or stems(table_file("x").parent)
    typer.echo(write_front_page([*(names or []), *runs_there()], tables, front_page_file()))


def run_of(name: str, overrides: list[str] | None, rename: str | None) -> Experiment:
    """The experiment, which need not have run, or the changed one, which must have. Raises ConfigError."""
    from sedd.paths import run_dir

    experiment = load_experiment(name, overrides or [], rename=rename)
    if experiment.name in PAGES:
        what = f"{experiment.name!r} is the name of a page of all runs; give the experiment another"
        raise ConfigError("command line", [Problem("NAME", what)])
    if experiment.base and not run_dir(experiment.name).is_dir():
        what = f"there is no run {experiment.name!r} yet; make it: sedd train {name} ... --name {experiment.name}"
        raise ConfigError("command line", [Problem("--name", what)])
    return experiment


def runs_there() -> list[str]:
    """Every run that has recorded its settings."""
    from sedd.paths import RESULTS

    return sorted(path.parent.name for path in (RESULTS / "runs").glob("*/config.yaml"))
