"""`sedd config`: check the configuration, show a resolved experiment, write the reference."""

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
    """Report all problems of all configuration files.

    Each with its file and line, what was found and what is allowed. Exits with 2 if there is one.

    \b
    Example: sedd config check config/experiments/mine.yaml
    """
    from sedd.config import check_project

    files = paths or sorted(Path("config").rglob("*.yaml"))
    if not files:
        what = "has no YAML file; run this command in the project's folder"
        raise ConfigError("config", [Problem("config", what)])
    errors = check_project(files)
    for error in errors:
        typer.echo(f"{error}\n", err=True)
    if errors:
        raise typer.Exit(2)
    typer.echo(f"{len(files)} files, no problems")


def show(name: Name, overrides: Overrides = None) -> None:
    """Print an experiment as YAML, with preset, defaults and overrides filled in.

    \b
    Example: sedd config show tiny_absorb graph.type=uniform model=small
    """
    from sedd.config import resolved_yaml

    experiment = load_experiment(name, overrides or [], writes=False)
    typer.echo(resolved_yaml(experiment), nl=False)


def reference() -> None:
    """Write the reference of all keys: config/README.md, and JSON schemas for editors.

    \b
    Example: sedd config reference
    """
    from sedd.config.reference import write_reference

    for path in write_reference():
        typer.echo(path)
