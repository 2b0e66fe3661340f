"""`sedd train`, `sample` and `perplexity`: what a run does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sedd.cli.choices import choice
from sedd.cli.options import (
    Device,
    Name,
    Overrides,
    Rename,
    Seed,
    Step,
    experiment_of,
    keep_settings,
    subject_of,
)
from sedd.config import Experiment, load_subject
from sedd.registry import SAMPLERS


def train(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    until: Annotated[
        int | None,
        typer.Option(min=1, help="Stop at this checkpoint; train to the end by default."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Send a job as config/cluster/CLUSTER.yaml says, and wait; here, by default."
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="With --cluster: send the job and do not wait.")
    ] = False,
    die_with_parent: Annotated[
        bool,
        typer.Option(
            "--die-with-parent", help="With --cluster: wait no longer than who started this lives."
        ),
    ] = False,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Train, going on from the newest checkpoint.

    Writes results/runs/NAME/checkpoints/. Ctrl-C saves the state at the next step; the same command goes on from
    there, bit for bit. With --cluster the training is a job, one a run, that outlives this command: Ctrl-C ends the
    waiting alone, and the same command waits again.
    Watch it with: sedd status, or tensorboard --logdir results/runs

    \b
    Examples: sedd train tiny_absorb training.lr=0.0005 --name gentle
              sedd train tiny_absorb --cluster slurm
    """
    experiment = experiment_of(name, overrides, rename, seed)
    if cluster is None:
        if detach or die_with_parent:
            raise typer.BadParameter("--detach and --die-with-parent go with --cluster")
        train_here(experiment, until, device)
        return
    if device is not None:
        raise typer.BadParameter("--device goes without --cluster, whose file says gpus_per_node")
    if detach and until is not None:
        raise typer.BadParameter("--until says what to wait for; --detach waits for nothing")
    from sedd.cli.jobs import send_job, wait_for_job

    if detach:
        send_job(experiment, cluster)
    else:
        wait_for_job(experiment, cluster, until, die_with_parent=die_with_parent)


def train_here(experiment: Experiment, until: int | None, device: str | None) -> None:
    """Train in this process."""
    from sedd.runtime.device import choose_device
    from sedd.train import Interrupted
    from sedd.train import train as run

    try:
        run(experiment, until, choose_device(device))
    except Interrupted as interrupted:
        typer.echo(f"{experiment.name}: {interrupted}; go on with the same command", err=True)
        raise typer.Exit(128 + interrupted.number) from None


def sample(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    prefix: Annotated[str, typer.Option(help="Text that every sample begins with.")] = "",
    suffix: Annotated[str, typer.Option(help="Text that every sample ends with.")] = "",
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN=TEXT",
            help="Text that stands at a place in every sample, which its first token is numbered by; may be repeated.",
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Number of samples.")] = None,
    sampler: Annotated[str | None, choice(SAMPLERS, "Sampler.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw only the likeliest tokens, of this total probability."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="What logits are divided by; autoregressive models only.")
    ] = None,
    precision: Annotated[
        Literal["float64", "float32"] | None, typer.Option(help="Of the random draws.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="JSONL file to write; printed only, by default.")
    ] = None,
    trace: Annotated[
        bool,
        typer.Option("--trace", help="One text, and how it came about: as JSON and as a GIF."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="One text, shown in the terminal while it is drawn.")
    ] = False,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Draw texts from a checkpoint.

    Freely, or around a given prefix, suffix, or pieces at any place; an autoregressive model takes a prefix alone.

    Prints the texts; with --out also writes one JSON a line: text, tokens, settings, seed. With --name the changed
    settings and the samples are kept under results/runs/NAME/.

    With --trace, what is at each position after each step is kept as results/runs/NAME/samples/step_N/trace_SAMPLER_STEPS.json,
    for the run's page, and as .gif.

    \b
    Examples: sedd sample tiny_absorb --count 4
              sedd sample tiny_absorb --watch
              sedd sample tiny_absorb --prefix "the river " --suffix " in france" --steps 128
              sedd sample tiny_absorb --at 40=" of the " --at 80=" and "
              sedd sample tiny_absorb --sampler first_hitting --top-p 0.9
    """
    from sedd.config import sampling_steps
    from sedd.evaluate import draw_samples, open_run, with_sampling, write_samples
    from sedd.paths import samples_file
    from sedd.runtime.device import choose_device
    from sedd.runtime.distributed import world

    if (trace or watch) and (count or out):
        raise typer.BadParameter("--trace and --watch draw one text: leave out --count and --out")
    kept = load_subject(name, overrides or [], rename=rename)
    asked = with_sampling(
        kept,
        count=count,
        sampler=sampler,
        steps=steps,
        precision=precision,
        top_p=top_p,
        temperature=temperature,
    )
    how = asked.sampling.sampler, sampling_steps(asked), asked.sampling.precision
    drawn_by = asked.seed if seed is None else seed
    with world(choose_device(device)) as here:
        run = open_run(asked, step, here.device)
        if trace or watch:
            from sedd.cli.traces import follow

            follow(
                run,
                prefix=prefix,
                suffix=suffix,
                seed=drawn_by,
                is_kept=trace,
                is_watched=watch,
            )
            return
        if rename and out is None:
            out = samples_file(rename, run.step, *how)
        texts = draw_samples(
            run,
            prefix=prefix,
            suffix=suffix,
            pieces=dict(piece(one) for one in at or ()),
            seed=drawn_by,
            out=out,
            world=here,
        )
        if not here.is_first:
            return
        if rename:
            keep_settings(kept)
        if out:
            write_samples(texts, out)
        for text in texts:
            typer.echo(f"--- {text['index']}\n{text['text']}")


def perplexity(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Text to measure; may be repeated; the experiment's by default."),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Measure the perplexity of a checkpoint, or bound it.

    Writes results/runs/NAME/eval/step_N/DATASET.json for each text: a Monte Carlo estimate of the upper bound over random
    times or, of an autoregressive model, the exact number; with its standard error, in nats, bits per character and
    perplexity a token. A killed measurement goes on with the same command. Several devices share the sequences under
    torchrun.

    \b
    Examples: sedd perplexity tiny_absorb --dataset wiki --dataset kjv
              torchrun --nproc-per-node 8 --no-python sedd perplexity sedd_small_absorb
    """
    from sedd.evaluate import measure, open_run, open_text, remove_parts
    from sedd.paths import evaluation_file
    from sedd.runtime.device import choose_device
    from sedd.runtime.distributed import world

    experiment = subject_of(name, overrides, rename, seed)
    texts = dataset or list(experiment.evaluation.datasets)
    for text in texts:
        open_text(experiment, text)  # what is missing is told before anything is loaded
    with world(choose_device(device)) as here:
        run = open_run(experiment, step, here.device)
        if rename and here.is_first:
            keep_settings(experiment)
        for text in texts:
            result = measure(run, text, here)
            if here.is_first:
                path = evaluation_file(experiment.name, run.step, text)
                result.write(path)
                remove_parts(path)
                typer.echo(f"{path}: {result.summary()}")


def piece(text: str) -> tuple[int, str]:
    """40=" of the " as the number of a token and what begins there."""
    number, equals, inside = text.partition("=")
    if not equals or not number.isdecimal():
        raise typer.BadParameter(f"--at {text!r}: must be TOKEN=TEXT, such as 40=' of the '")
    return int(number), inside
