"""`sedd generative`: perplexity of sampled texts under a judge, a causal language model."""

from __future__ import annotations

from pathlib import Path
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
from sedd.config import measured_steps


def generative(
    name: ModelName,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Judge: an autoregressive run, a folder or a hub id.  [default: generative.judge]"
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Judge this file instead: one text per line (.txt), or JSON with `text` (.jsonl)."
        ),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Measure the generative perplexity of sampled texts.

    Reads the samples that `sedd sample` wrote for every combination in the experiment's section
    `generative`, and writes results/runs/NAME/eval/step_N/generative/JUDGE/SAMPLER_STEPS.json for
    each: perplexity in both conventions, entropy, and standard errors.

    \b
    Examples: sedd generative sedd_small_absorb --judge gpt2-large
              sedd generative tiny_absorb --file real.txt
    """
    experiment, step = find_changed_subject(name, overrides, rename, seed, step)
    from sedd.evaluate.grid import check_drawn, judge_any, judge_grid
    from sedd.evaluate.judge import open_judge
    from sedd.runtime.device import choose_device

    step = measured_steps(experiment)[-1] if step is None else step
    if file is None:
        record_settings(experiment)  # with them, the commands that check_drawn prints work
        check_drawn(experiment, step)  # fail on missing samples before the judge is loaded
    judge_model = open_judge(judge or experiment.generative.judge, choose_device(device))
    if file is not None:
        typer.echo(f"{file}: {judge_any(file, experiment, judge_model).summary()}")
        return
    for path, result in judge_grid(experiment, step, judge_model):
        typer.echo(f"{path}: {result.summary()}")


POSITION, VERBS = 32, (generative,)
