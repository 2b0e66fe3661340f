"""`sedd export`: a run as a folder in the format of the published models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import Step


def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Name of a run, or its folder results/runs/RUN.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Output folder; must be new or empty.")
    ],
    step: Step = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier export in DIR.")
    ] = False,
) -> None:
    """Write a checkpoint in the format of the published models.

    Reads results/runs/RUN/ and writes DIR/config.json, DIR/model.safetensors (the averaged weights)
    and DIR/README.md (a model card). The folder can be uploaded to the hub as it is, and
    sedd.load_model(DIR) loads it.

    \b
    Example: sedd export tiny_absorb results/exports/tiny_absorb
    """
    from sedd.checkpoints.export import export as write_export

    result = write_export(run, folder, step, force=force)
    datasets = ", ".join(one.dataset for one in result.evaluations)
    numbers = f"with numbers on {datasets}" if datasets else "without numbers (not measured)"
    typer.echo(f"{result.folder}: {result.run}, step {result.step}, {numbers}")
    if result.stale:
        typer.echo(
            f"left out: {', '.join(result.stale)}, measured on an earlier checkpoint of this step; "
            f"to measure again: sedd perplexity {result.run} --step {result.step}",
            err=True,
        )


POSITION, VERBS = 51, (export,)
