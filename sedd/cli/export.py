"""`sedd export`: a run as a folder in the format of the published models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import Step, check_out


def export(
    run: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A run, a checkpoint, or a published diffusion model: its folder, file or hub id.",
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="Output folder; must be new or empty. Optional with --push."
        ),
    ] = None,
    step: Step = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier export in DIR.")
    ] = False,
    push: Annotated[
        str | None,
        typer.Option(
            "--push",
            metavar="OWNER/NAME",
            help="Upload to this repository of the Hugging Face hub; made if there is none.",
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="With --push: make a new repository private.")
    ] = False,
) -> None:
    """Write a model in the format of the published models.

    Writes DIR/config.json, DIR/model.safetensors (the averaged weights) and DIR/README.md (a model
    card). Score entropy has the form of SEDD, masked diffusion that of
    RADD (of MDLM with time conditioning). sedd.open_model opens the folder, or its id on the hub.
    An experiment folder of the official code and a Lightning file become such a folder too.

    \b
    Examples: sedd export tiny_absorb results/exports/tiny_absorb
              sedd export tiny_lambda_dce --push me/tiny_lambda_dce
              sedd export exp_local/openwebtext/2024.03.01/120000 results/exports/mine
    """
    import tempfile

    from sedd.checkpoints.export import check_push
    from sedd.checkpoints.export import export as write_export
    from sedd.checkpoints.export import push as upload
    from sedd.errors import CheckpointError

    if folder is not None:
        check_out(folder / "config.json")
    if push is not None:
        check_push(push)
    elif folder is None:
        raise CheckpointError("give a folder DIR for the export, or --push OWNER/NAME")
    elif private:
        raise CheckpointError("--private needs --push: without --push, nothing is uploaded")
    with tempfile.TemporaryDirectory() as temporary:
        target = folder or Path(temporary, "export")
        result = write_export(run, target, step, force=force, repository=push)
        commit = None if push is None else upload(target, push, private=private)
    datasets = ", ".join(one.dataset for one in result.evaluations)
    numbers = f"with numbers on {datasets}" if datasets else "without numbers (not measured)"
    for place in filter(None, (folder, commit)):
        typer.echo(f"{place}: {result.run}, step {result.step}, {numbers}")
    if result.stale:
        typer.echo(
            f"left out: {', '.join(result.stale)}, measured on an earlier checkpoint of this step; "
            f"to measure again: sedd perplexity {result.run} --step {result.step}",
            err=True,
        )


POSITION, VERBS = 51, (export,)
