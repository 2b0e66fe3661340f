"""`sedd config`: check the configuration, show what an experiment resolves to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import Name, Overrides
from sedd.config import load_experiment
from sedd.errors import ConfigError, Problem


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files to check; everything under config/ by default."),
    ] = None,
) -> None:
    """Report every problem of every file at once.

    Each with its file and line, what was found and what is allowed. Exits with 2 if there is one.

    \b
    Example: sedd config check config/experiments/mine.yaml
    """
    from sedd.config import check_project

    files = paths or sorted(Path("config").rglob("*.yaml"))
    if not files:
        what = "holds no YAML file here; run this in the project's folder"
        raise ConfigError("config", [Problem("config", what)])
    problems = check_project(files)
    for problem in problems:
        typer.echo(f"{problem}\n", err=True)
    if problems:
        raise typer.Exit(2)
    typer.echo(f"{len(files)} files, no problems")


def show(name: Name, overrides: Overrides = None) -> None:
    """Print an experiment with everything filled in.

    That is its preset, the defaults and the overrides, as YAML.

    \b
    Example: sedd config show tiny_absorb graph.type=uniform model=small
    """
    from sedd.config import resolved_yaml

    experiment = load_experiment(name, overrides or [], writes=False)
    typer.echo(resolved_yaml(experiment), nl=False)
