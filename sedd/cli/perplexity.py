"""`sedd perplexity`: perplexity of a checkpoint on held-out text."""

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


def perplexity(
    name: ModelName,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Data set to measure; repeatable.  [default: evaluation.datasets]"),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Measure the perplexity of a checkpoint on held-out text.

    Reads the tokens under results/data/ and writes results/runs/NAME/eval/step_N/DATASET.json per
    data set: nats, bits per character and perplexity per token, with standard errors. For a
    diffusion model the number is a Monte Carlo estimate of an upper bound; for an autoregressive
    model it is exact.

    A killed measurement resumes with the same command. Under torchrun, the devices divide the
    sequences.

    \b
    Examples: sedd perplexity tiny_absorb --dataset wiki --dataset kjv
              torchrun --nproc-per-node 8 --no-python sedd perplexity sedd_small_absorb
    """
    experiment, step = find_changed_subject(name, overrides, rename, seed, step)
    from sedd.evaluate import measure, open_run, open_text, remove_partial
    from sedd.paths import evaluation_file
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    texts = dataset or list(experiment.evaluation.datasets)
    for text in texts:
        open_text(experiment, text)  # fail on missing tokens before the model is loaded
    with distributed.world(choose_device(device)) as world:
        run = open_run(experiment, step, world.device)
        if world.is_first:
            record_settings(experiment)
        for text in texts:
            result = measure(run, text, world)
            if world.is_first:
                path = evaluation_file(experiment.name, run.step, text)
                result.write(path)
                remove_partial(path)
                typer.echo(f"{path}: {result.summary()}")


POSITION, VERBS = 31, (perplexity,)
