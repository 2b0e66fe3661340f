"""`sedd config`: check the configuration, show a resolved experiment, write the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import ModelName, Overrides
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


def show(name: ModelName, overrides: Overrides = None) -> None:
    """Print an experiment as YAML, with preset, defaults and overrides filled in.

    For a model that no experiment describes, prints the settings with which the verbs use it.

    \b
    Examples: sedd config show sedd_small_absorb graph.type=uniform model=medium
              sedd config show louaaron/sedd-small
    """
    from sedd.checkpoints.subject import find_subject
    from sedd.config import resolved_yaml

    experiment, _ = find_subject(name, overrides or [], writes=False)
    typer.echo(resolved_yaml(experiment), nl=False)


def reference() -> None:
    """Write the reference of all keys: config/README.md, and JSON schemas for editors.

    \b
    Example: sedd config reference
    """
    from sedd.config.reference import write_reference

    for path in write_reference():
        typer.echo(path)
