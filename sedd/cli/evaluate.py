"""`sedd generative`, `mauve` and `evaluate`: what judges say of a model's texts, and all that is measured of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import Device, Name, Overrides, Rename, Seed, Step, keep_settings, subject_of
from sedd.config import Measured, measured_steps


def generative(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="An autoregressive run, a folder or a hub id; the experiment's by default."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Judge these texts instead, one a line (.txt) or JSON with `text` (.jsonl)."
        ),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Judge the texts of a checkpoint by a causal language model.

    Writes results/runs/NAME/eval/step_N/generative/JUDGE/SAMPLER_STEPS.json for every combination that the section `generative`
    of the experiment names, whose texts must have been drawn: perplexity in both conventions, entropy, standard errors.

    \b
    Examples: sedd generative sedd_small_absorb --judge gpt2-large
              sedd generative tiny_absorb --file real.txt
    """
    from sedd.evaluate.grid import check_drawn, judge_any, judge_grid
    from sedd.evaluate.judge import open_judge
    from sedd.runtime.device import choose_device

    experiment = subject_of(name, overrides, rename, seed)
    step = measured_steps(experiment)[-1] if step is None else step
    if file is None:
        check_drawn(experiment, step)  # before the judge is loaded
    opened = open_judge(judge or experiment.generative.judge, choose_device(device))
    if file is not None:
        typer.echo(f"{file}: {judge_any(file, experiment, opened).summary()}")
        return
    if rename:
        keep_settings(experiment)
    for path, said in judge_grid(experiment, step, opened):
        typer.echo(f"{path}: {said.summary()}")


def mauve(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    task: Annotated[
        list[str] | None, typer.Option(help="standard or infill; the experiment's by default.")
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Compare texts that are written around real ones with these.

    Writes results/runs/NAME/eval/step_N/mauve/TASK.json: the MAUVE score, with its standard error. A killed comparison goes on
    with the same command, and several devices share the writing under torchrun.

    \b
    Example: sedd mauve sedd_medium_absorb --task infill
    """
    from sedd.evaluate import open_run, remove_parts
    from sedd.evaluate.judge import open_judge
    from sedd.evaluate.mauve import measure_mauve, real_texts
    from sedd.paths import mauve_file
    from sedd.runtime.device import choose_device
    from sedd.runtime.distributed import world

    experiment = subject_of(name, overrides, rename, seed)
    tasks = task or list(experiment.mauve.tasks) or ["standard", "infill"]
    if unknown := set(tasks) - {"standard", "infill"}:
        raise typer.BadParameter(f"--task {', '.join(unknown)}: must be standard or infill")
    real_texts(experiment)  # before anything is loaded
    with world(choose_device(device)) as here:
        featurizer = open_judge(experiment.mauve.featurizer, here.device)
        run = open_run(experiment, step, here.device)
        if rename and here.is_first:
            keep_settings(experiment)
        for one in tasks:
            result = measure_mauve(run, one, featurizer, here)
            if here.is_first:
                path = mauve_file(experiment.name, run.step, one)
                result.write(path)
                remove_parts(path)
                typer.echo(f"{path}: {result.summary()}")


def evaluate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help="An experiment or a run, or the hub id or folder of a published model.",
        ),
    ],
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    force: Annotated[
        bool, typer.Option("--force", help="Measure again what is there and current.")
    ] = False,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Measure everything of one model.

    Tokenises what is missing, then perplexities, texts judged by a language model, and MAUVE, as the experiment asks; with one
    GPU and a published model this fills a row of the paper's Table 1. What is there and current is left; a killed evaluation
    goes on with the same command; several devices share the work under torchrun.

    \b
    Examples: sedd evaluate tiny_absorb
              sedd evaluate louaaron/sedd-small
    """
    from sedd.config import subject_name
    from sedd.evaluate.evaluate_all import evaluate_all
    from sedd.runtime.device import choose_device
    from sedd.runtime.distributed import LONG_PATIENCE, world

    experiment = subject_of(subject_name(name), overrides, rename, seed)
    with world(choose_device(device), LONG_PATIENCE) as here:
        if rename and here.is_first:
            keep_settings(experiment)
        evaluate_all(
            experiment,
            step,
            here,
            lambda path, result: typer.echo(f"{path}: {result.summary()}"),
            missing_only=not force,
        )
    if here.is_first:
        typer.echo(f"{experiment.name}: measured; {filled_tables(experiment)}")


def filled_tables(experiment: Measured) -> str:
    """How to see the numbers: the tables with a row of this experiment."""
    from sedd.config import tables_with

    tables = tables_with(experiment.name)
    commands = ", ".join(f"sedd table {table}" for table in tables)
    return f"see {commands}" if tables else "no table of config/tables has a row of it"
