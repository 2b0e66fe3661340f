"""`sedd export`, `bench` and `estimators`: a run for others to use, the speed of the code, the worth of an estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sedd.cli.choices import choice
from sedd.cli.options import Device, Name, Step
from sedd.config import load_experiment
from sedd.registry import GRAPHS


def export(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run: results/runs/RUN, or its name.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write; new or empty.")],
    step: Step = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier export, and nothing else.")
    ] = False,
) -> None:
    """Write a run in the form of the published models.

    Writes DIR/config.json, model.safetensors (the averaged weights) and README.md, a model card: the folder can be
    uploaded to the hub as it is, and loads with sedd.load_model(DIR).

    \b
    Example: sedd export tiny_absorb results/exports/tiny_absorb
    """
    from sedd.checkpoints.export import export as write

    made = write(run, folder, step, force=force)
    names = ", ".join(one.dataset for one in made.evaluations)
    numbers = f"with numbers on {names}" if names else "without numbers: none was measured"
    typer.echo(f"{made.folder}: {made.run}, step {made.step}, {numbers}")
    if made.stale:
        typer.echo(
            f"left out: {', '.join(made.stale)}, measured on an earlier checkpoint of this step; measure again: "
            f"sedd perplexity {made.run} --step {made.step}",
            err=True,
        )


def bench(
    work: Annotated[
        Literal["train", "sample", "perplexity", "head"], typer.Argument(help="What to measure.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Settings of an experiment, such as model.n_blocks=4."
        ),
    ] = None,
    device: Device = None,
    model: Annotated[str, typer.Option(help="tiny, small, medium, or yours.")] = "tiny",
    graph: Annotated[str, choice(GRAPHS, "Graph.")] = "absorb",
    vocab: Annotated[int, typer.Option(min=2, help="Tokens of the vocabulary.")] = 50257,
    length: Annotated[int, typer.Option(min=1, help="Tokens of a sequence.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Sequences side by side.")] = 8,
    steps: Annotated[
        int, typer.Option(min=1, help="Optimiser steps, denoising steps or times, a run.")
    ] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads on the CPU.")] = None,
    compile: Annotated[
        bool, typer.Option("--compile", help="Let torch.compile fuse the blocks.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Measure the straightforward code too, in turn.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="File to write as well.")] = None,
) -> None:
    """Measure speed and memory.

    Times the code that train, sample and perplexity run, on random tokens, so it needs no data; `head` is the
    vocabulary layer and the loss of a training step alone. KEY=VALUE changes the network or the settings. With --plain
    it also times the obvious way to the same result, which makes a score of every token at every position, and prints
    the ratio. A GPU's utilisation is that of the network's plain arithmetic.

    \b
    Examples: sedd bench train --plain
              sedd bench train model.hidden_size=256 model.n_blocks=4 model.n_heads=4 --plain
              sedd bench sample --model small --length 1024 --batch 1 --device cuda --json speed.json
    """
    from sedd.bench import Settings, render, run_bench
    from sedd.runtime.atomic import write_json

    settings = Settings(
        work=work,
        overrides=tuple(overrides or ()),
        device=device,
        model=model,
        graph=graph,
        vocab=vocab,
        length=length,
        batch=batch,
        steps=steps,
        repeats=repeats,
        threads=threads,
        compile=compile,
        plain=plain,
    )
    measured = run_bench(settings)
    typer.echo(render(measured))
    if json_file is not None:
        write_json(json_file, measured)


def estimators(
    name: Name,
    dataset: Annotated[
        str | None, typer.Option(help="Text to measure; the experiment's first by default.")
    ] = None,
    step: Step = None,
    sequences: Annotated[int, typer.Option(min=2, help="Sequences of the test split.")] = 32,
    draws: Annotated[int, typer.Option(min=1, help="Random times of one estimate.")] = 8,
    repeats: Annotated[int, typer.Option(min=2, help="Estimates of each sequence.")] = 32,
    device: Device = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File to write as well.")] = None,
) -> None:
    """Compare the two estimators of the bound.

    Both estimate the same number from as many network calls (evaluation.estimator chooses one of them). Prints how much
    each scatters, and the ratio of the variances: as many times fewer calls the stratified one needs.

    \b
    Example: sedd estimators tiny_absorb --dataset wiki
    """
    from rich.console import Console

    from sedd.errors import ConfigError, Problem
    from sedd.evaluate import compare_estimators, estimators_table, open_run
    from sedd.runtime.atomic import write_json

    experiment = load_experiment(name)
    text = dataset or next(iter(experiment.evaluation.datasets), None)
    if text is None:
        what = "the experiment names no text to measure; give one"
        raise ConfigError("command line", [Problem("--dataset", what)])
    found = compare_estimators(
        open_run(experiment, step, device),
        text,
        sequences=sequences,
        draws=draws,
        repeats=repeats,
        seed=experiment.seed,
    )
    Console(highlight=False).print(estimators_table(found))
    if json_file is not None:
        write_json(json_file, found)
