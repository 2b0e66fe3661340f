"""`sedd bench`: speed and memory of the code that the other verbs run, and time to a bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, cast

import typer

from sedd.cli.choices import choice
from sedd.cli.options import Device, JsonFile, complete_name
from sedd.config.values import MAX_COUNT, MAX_STEPS, MAX_THREADS
from sedd.registry import GRAPHS

if TYPE_CHECKING:
    from sedd.bench.options import Work


WORKS = {
    "train": "Optimizer steps.",
    "sample": "Denoising steps, or samplers against each other.",
    "perplexity": "Random times of the likelihood bound.",
    "head": "Output layer and loss of a training step.",
}


def bench() -> None:
    """Measure speed and memory, or time to a bound."""


def speed(
    context: typer.Context,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="Settings of an experiment, e.g. model.n_blocks=4."
        ),
    ] = None,
    device: Device = None,
    model: Annotated[str, typer.Option(help="Preset in config/model/.")] = "tiny",
    graph: Annotated[str, choice(GRAPHS, "Graph.")] = "absorb",
    vocab: Annotated[
        int, typer.Option(min=2, max=MAX_COUNT, help="Vocabulary size, without the mask.")
    ] = 50257,
    length: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, help="Sequence length in tokens.")
    ] = 128,
    batch: Annotated[int, typer.Option(min=1, max=MAX_COUNT, help="Sequences per batch.")] = 8,
    steps: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_COUNT,
            help="Optimizer steps, denoising steps or random times per timed run.",
        ),
    ] = 8,
    repeats: Annotated[int, typer.Option(min=1, max=MAX_COUNT, help="Timed runs.")] = 5,
    threads: Annotated[
        int | None, typer.Option(min=1, max=MAX_THREADS, help="CPU threads.  [default: PyTorch's]")
    ] = None,
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the transformer blocks with torch.compile.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Also measure the plain implementation, and compare.")
    ] = False,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Also list the operations, or GPU kernels, of one run."),
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

    work = cast("Work", context.command.name)
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
        profile=profile,
    )
    if sampler:
        if work != "sample" or plain or compile or profile:
            raise typer.BadParameter(
                "--sampler compares samplers: use it with `sedd bench sample`, without --plain, "
                "--compile and --profile"
            )
        measurement = compare_samplers(options, sampler)
        typer.echo(render_samplers(measurement))
    else:
        measurement = run_bench(options)
        typer.echo(render(measurement))
    if json_file is not None:
        write_json(json_file, measurement)


def bound(
    until: Annotated[
        float, typer.Option(help="Target: held-out bound in nats per token.", show_default=False)
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            autocompletion=complete_name,
            help="Experiment whose recipe is compared with the paper's.",
        ),
    ] = "tiny_absorb",
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings of NAME to change."),
    ] = None,
    rate: Annotated[
        list[float] | None,
        typer.Option(
            help="Learning rate of NAME's recipe to try; repeatable.  [default: that of NAME, and "
            "half and twice of it]"
        ),
    ] = None,
    official_rate: Annotated[
        list[float] | None,
        typer.Option(
            help="Learning rate of the paper's recipe to try; repeatable.  [default: as --rate]"
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, help="Trainings with the best learning rate.")
    ] = 3,
    sequences: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, help="Held-out sequences.")
    ] = 2048,
    draws: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_COUNT,
            help="Draws of noise for each held-out sequence. Two are enough with a mask; take 8 or "
            "more for the uniform graph.",
        ),
    ] = 2,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_STEPS,
            help="Most steps of the paper's recipe.  [default: four times training.steps]",
        ),
    ] = None,
    tiny: Annotated[
        bool,
        typer.Option(
            "--tiny", help="Dry run in seconds: 60 steps, 16 sequences, one seed. Says nothing."
        ),
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Measure the time until a model is as good: the paper's recipe against that of NAME.

    Both recipes train the same network on the same data in the same batches, until the held-out bound
    is at most --until nats per token. The result is a Markdown table: steps and CPU seconds of each,
    and their ratios.

    The paper's recipe (official): independent times, a score for every token at every position, a
    constant learning rate after warm-up, AdamW with betas 0.9 and 0.999, an EMA of 0.9999, a
    vocabulary layer that begins at zero, and the graph's usual noise. NAME's recipe (ours): its
    settings, and the fast code. Both have the warm-up of NAME, because the paper's 2500 steps are
    longer than a short training.

    Each recipe tries its learning rates with the first seed. The rate with the fewest steps then
    trains with the other seeds; the table has medians over seeds, lowest and highest. A run that has
    not reached the target counts as the slowest.

    The bound is the same for both: weights of the EMA, the stratified estimator, sequences and noise
    that do not depend on the seed. It is measured at steps that grow by a tenth, and interpolated in
    log steps. Choose --sequences and --draws so that the standard error is below what you want to
    tell apart; the table says it. CPU seconds are those of the training in one thread, without
    the measurements. Only CPUs are measured.

    A recipe whose learning rate decays at its end reaches its best bound there: choose training.steps
    for the target, with training.checkpoint_every no larger.

    With --json, each finished training is written at once, and the same command continues a killed
    measurement. More rates or seeds can be added later.

    \b
    Examples: sedd bench bound --until 2.4 --json bound.json
              sedd bench bound tiny_uniform --until 2.6 --draws 8 --seeds 1
              sedd bench bound tiny_absorb training.output_init=zero --until 2.4
              sedd bench bound --until 3 --tiny
    """
    from sedd.bench import BoundOptions, TimeToBound, render_bound
    from sedd.cli.train import tokenize_missing
    from sedd.config import load_experiment, with_changes

    if not math.isfinite(until):
        raise typer.BadParameter(f"--until must be a finite number, got {until}")
    experiment = load_experiment(name, overrides or (), writes=False)
    if tiny:
        sizes = {
            "steps": 60,
            "checkpoint_every": 60,
            "warmup_steps": 5,
            "batch_size": 4,
            "accum": 1,
        }
        experiment = with_changes(experiment, {f"training.{key}": sizes[key] for key in sizes})
        seeds, sequences, draws, limit = 1, 16, 1, 60
    options = BoundOptions(
        experiment=experiment,
        until=until,
        rates=tuple(rate or ()),
        official_rates=tuple(official_rate or ()),
        seeds=seeds,
        sequences=sequences,
        draws=draws,
        limit=limit,
    )
    options.sides()  # refuses what cannot be compared, before any text is read
    tokenize_missing(experiment)
    typer.echo(render_bound(TimeToBound(options, json_file).run()))


POSITION = 52
