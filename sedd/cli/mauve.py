"""`sedd mauve`: MAUVE between real texts and the model's completions of them."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import (
    Device,
    ModelName,
    Overrides,
    Rename,
    Seed,
    Step,
    find_changed_subject,
    record_settings,
)

TASKS = ("standard", "infill")


def mauve(
    name: ModelName,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    task: Annotated[
        list[str] | None,
        typer.Option(help="standard or infill; repeatable.  [default: mauve.tasks]"),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Compare the model's completions of real texts with these texts, by MAUVE.

    `standard` completes the first half of each text; `infill` fills the middle between its first
    and last quarter. Reads the tokens under results/data/ and writes
    results/runs/NAME/eval/step_N/mauve/TASK.json: the MAUVE score with its standard error.

    A killed comparison resumes with the same command. Under torchrun, the devices divide the texts.

    \b
    Example: sedd mauve sedd_medium_absorb --task infill
    """
    experiment, step = find_changed_subject(name, overrides, rename, seed, step)
    from sedd.evaluate import only_writer, open_language_model
    from sedd.evaluate.judge import open_judge
    from sedd.evaluate.mauve import measure_mauve, real_texts
    from sedd.paths import mauve_file
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    tasks = task or list(experiment.mauve.tasks) or list(TASKS)
    if unknown := set(tasks) - set(TASKS):
        raise typer.BadParameter(f"--task {', '.join(sorted(unknown))}: must be standard or infill")
    real_texts(experiment)  # fail on missing tokens before the models are loaded
    with distributed.world(choose_device(device)) as world:
        featurizer = open_judge(experiment.mauve.featurizer, world.device)
        run = open_language_model(experiment, step, world.device)
        if world.is_first:
            record_settings(experiment)
        for one in tasks:
            path = mauve_file(experiment.name, run.step, one)
            with only_writer(path, world):
                result = measure_mauve(run, one, featurizer, world)
                if world.is_first:
                    result.write(path)
                    typer.echo(f"{path}: {result.summary()}")


POSITION, VERBS = 33, (mauve,)
