"""`sedd bench`: speed and memory of the code that the other verbs run."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sedd.cli.choices import choice
from sedd.cli.options import Device, JsonFile
from sedd.registry import GRAPHS


def bench(
    work: Annotated[
        Literal["train", "sample", "perplexity", "head"],
        typer.Argument(help="Which computation to measure."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Settings of an experiment, e.g. model.n_blocks=4."
        ),
    ] = None,
    device: Device = None,
    model: Annotated[str, typer.Option(help="Preset in config/model/.")] = "tiny",
    graph: Annotated[str, choice(GRAPHS, "Graph.")] = "absorb",
    vocab: Annotated[int, typer.Option(min=2, help="Vocabulary size, without the mask.")] = 50257,
    length: Annotated[int, typer.Option(min=1, help="Sequence length in tokens.")] = 128,
    batch: Annotated[int, typer.Option(min=1, help="Sequences per batch.")] = 8,
    steps: Annotated[
        int,
        typer.Option(min=1, help="Optimizer steps, denoising steps or random times per timed run."),
    ] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs.")] = 5,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.  [default: PyTorch's]")
    ] = None,
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the transformer blocks with torch.compile.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Also measure the plain implementation, and compare.")
    ] = False,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            help="Compare this sampler with others, per network call; a name, or a mapping as in "
            "generative.samplers; repeatable. Only for `sample`."
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure the speed and memory of training, sampling or perplexity.

    Runs the code of `sedd train`, `sample` or `perplexity` on random tokens, so it needs no data.
    `head` measures only the output layer and the loss of a training step. KEY=VALUE changes the
    network or the settings.

    With --sampler, it compares samplers: the time of one network call of each, against the default
    sampler.

    With --plain, it also times a plain implementation, which computes a score for every token at
    every position, and prints the ratio. GPU utilization counts the arithmetic of the plain
    network.

    \b
    Examples: sedd bench train --plain
              sedd bench train model.hidden_size=256 model.n_blocks=4 --plain
              sedd bench sample --sampler euler --sampler first_hitting
              sedd bench sample --model small --length 1024 --batch 1 --device cuda
    """
    from sedd.bench import BenchOptions, compare_samplers, render, render_samplers, run_bench
    from sedd.runtime.atomic import write_json

    options = BenchOptions(
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
    if sampler:
        if work != "sample" or plain or compile:
            raise typer.BadParameter(
                "--sampler compares samplers: use it with `sedd bench sample`, without --plain and "
                "--compile"
            )
        measurement = compare_samplers(options, sampler)
        typer.echo(render_samplers(measurement))
    else:
        measurement = run_bench(options)
        typer.echo(render(measurement))
    if json_file is not None:
        write_json(json_file, measurement)


POSITION, VERBS = 52, (bench,)
