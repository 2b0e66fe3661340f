"""`sedd dvc`: dvc.yaml for a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import check_out_or_stdout


def dvc(
    config: Annotated[
        Path, typer.Option(help="The build: config/config.yaml, or another file like it.")
    ] = Path("config/config.yaml"),
    out: Annotated[
        Path,
        typer.Option(help="The file to write; - is standard output.", callback=check_out_or_stdout),
    ] = Path("dvc.yaml"),
) -> None:
    """Write dvc.yaml, the stages by which DVC versions a build.

    Reads the build and all configuration files that it names. Run it again after an edit of config/
    that adds or removes an experiment, a dataset, a table or a key. Then `dvc repro` builds what
    changed.

    \b
    Examples: sedd dvc --config config/paper.yaml
              sedd dvc
    """
    from sedd.runtime.atomic import write_text
    from sedd.workflow.dvc import dvc_yaml

    if str(out) == "-":
        typer.echo(dvc_yaml(config), nl=False)
        return
    write_text(out, dvc_yaml(config))
    typer.echo(f"{out}: the stages of {config}; build them with: dvc repro")


POSITION, VERBS = 50, (dvc,)
