"""The `sedd` command: one verb for each arrow from raw text to tables and reports.

The heavy imports stand inside the verbs, so that `--help`, a configuration check and a table take a second.
Exit codes: 0 done; 1 a broken invariant, with a traceback; 2 a mistake that the user can mend; 128 + N stopped
by signal N.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sedd.config import Experiment, load_dataset, load_experiment
from sedd.errors import ConfigError, Problem, SeddError

app = typer.Typer(
    name="sedd",
    help="Score Entropy Discrete Diffusion, from raw text to the paper's tables.\n\n"
    "Each verb makes one family of files under results/; `snakemake` runs them all in order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(
    help="Check the configuration, or show what an experiment resolves to.", no_args_is_help=True
)
app.add_typer(config_app, name="config")

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="An experiment: config/experiments/NAME.yaml, or a run."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Settings to change, such as training.lr=0.001 model=small; they need --name.",
    ),
]
Rename = Annotated[
    str | None,
    typer.Option("--name", help="Name of the changed experiment: its own results/runs/NAME."),
]
Step = Annotated[
    int | None, typer.Option("--step", min=0, help="Which checkpoint; the newest by default.")
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda, cuda:1; the GPU if there is one by default."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="In place of the experiment's seed.")]


def experiment_of(
    name: str, overrides: list[str] | None, rename: str | None, seed: int | None
) -> Experiment:
    """The experiment with the changes of the command line; --seed counts as `seed=N`."""
    changes = [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]
    return load_experiment(name, changes, rename=rename)


@config_app.command("check")
def config_check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files to check; everything under config/ by default."),
    ] = None,
) -> None:
    """Report every problem of every file at once.

    Each with its file and line, what was found and what is allowed. Exits with 2 if there is one.

    \b
    Example: sedd config check config/experiments/mine.yaml
    """
    from sedd.config import check_project

    files = paths or sorted(Path("config").rglob("*.yaml"))
    if not files:
        what = "holds no YAML file here; run this in the project's folder"
        raise ConfigError("config", [Problem("config", what)])
    problems = check_project(files)
    for problem in problems:
        typer.echo(f"{problem}\n", err=True)
    if problems:
        raise typer.Exit(2)
    typer.echo(f"{len(files)} files, no problems")


@config_app.command("show")
def config_show(name: Name, overrides: Overrides = None) -> None:
    """Print an experiment with everything filled in.

    That is its preset, the defaults and the overrides, as YAML.

    \b
    Example: sedd config show tiny_absorb graph.type=uniform model=small
    """
    from sedd.config import resolved_yaml

    experiment = load_experiment(name, overrides or [], writes=False)
    typer.echo(resolved_yaml(experiment), nl=False)


@app.command()
def tokenize(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="An experiment: tokenise all that it needs."),
    ] = None,
    overrides: Overrides = None,
    dataset: Annotated[
        str | None, typer.Option(help="Instead of NAME: one of config/datasets/.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(help="With --dataset: gpt2 (the default), text8, a hub id or a folder."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="With --dataset: train, validation, test; may be repeated; those it has by default."
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes that tokenise side by side.")
    ] = 1,
    force: Annotated[
        bool, typer.Option("--force", help="Again, even if it is there and current.")
    ] = False,
) -> None:
    """Turn texts into packed tokens.

    Writes results/data/DATASET/TOKENIZER/SPLIT/. Detokenises, encodes, closes each document with the separator, and
    packs the whole split without padding.

    \b
    Examples: sedd tokenize tiny_absorb
              sedd tokenize --dataset wikitext2 --tokenizer gpt2 --split test
    """
    from sedd.data.tokenize import tokenize_split
    from sedd.paths import tokens_dir
    from sedd.progress import progress

    if (name is None) == (dataset is None):
        raise typer.BadParameter("give either an experiment's NAME or --dataset, not both")
    if dataset is None and (tokenizer or split):
        raise typer.BadParameter("--tokenizer and --split go with --dataset; NAME says its own")
    if dataset is not None:
        parts = split or load_dataset(dataset).splits_there()
        jobs = [(dataset, tokenizer or "gpt2", part) for part in parts]
    else:
        experiment = load_experiment(name or "", overrides or [], writes=False)
        data = experiment.data
        jobs = [(data.dataset, data.tokenizer, part) for part in ("train", "validation")]
        jobs += [(other, data.tokenizer, "test") for other in experiment.evaluation.datasets]
    for job in jobs:
        text = load_dataset(job[0])
        typer.echo(f"{text.name}: {text.description}; licence: {text.licence}; {text.homepage}")
        with progress(f"tokenize {'/'.join(job)}", None, "document") as bar:
            meta = tokenize_split(
                text,
                job[1],
                job[2],
                tokens_dir(*job),
                num_processes=processes,
                on_progress=bar.update,
                force=force,
            )
        typer.echo(
            f"{tokens_dir(*job)}: {meta['num_documents']:,} documents, {meta['num_tokens']:,} tokens"
        )


@app.command()
def train(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    until: Annotated[
        int | None,
        typer.Option(min=1, help="Stop at this checkpoint; train to the end by default."),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Train, going on from the newest checkpoint.

    Writes results/runs/NAME/checkpoints/. Ctrl-C saves the state at the next step; the same command goes on from
    there, bit for bit.
    Watch it with: tensorboard --logdir results/runs

    \b
    Example: sedd train tiny_absorb training.lr=0.0005 --name gentle
    """
    from sedd.build import choose_device
    from sedd.train import Interrupted
    from sedd.train import train as run

    experiment = experiment_of(name, overrides, rename, seed)
    try:
        run(experiment, until, choose_device(device))
    except Interrupted as interrupted:
        typer.echo(f"{experiment.name}: {interrupted}; go on with the same command", err=True)
        raise typer.Exit(128 + interrupted.number) from None


@app.command()
def sample(
    name: Name,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    prefix: Annotated[str, typer.Option(help="Text that every sample begins with.")] = "",
    suffix: Annotated[str, typer.Option(help="Text that every sample ends with.")] = "",
    count: Annotated[int | None, typer.Option(min=1, help="Number of samples.")] = None,
    sampler: Annotated[
        Literal["euler", "analytic"] | None, typer.Option(help="Kind of the steps.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="JSONL file to write; printed only, by default.")
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Draw texts from a checkpoint.

    Freely, or around a given prefix and suffix.

    Prints the texts; with --out also writes one JSON a line: text, tokens, settings, seed. With --name the changed
    settings and the samples are kept under results/runs/NAME/.

    \b
    Examples: sedd sample tiny_absorb --count 4
              sedd sample tiny_absorb --prefix "the river " --suffix " in france" --steps 128
    """
    from sedd.evaluate import draw_samples, open_run, write_samples
    from sedd.paths import samples_file

    run = open_run(load_experiment(name, overrides or [], rename=rename), step, device)
    request = run.experiment.sampling
    texts = draw_samples(
        run,
        count=count or request.count,
        sampler=sampler or request.sampler,
        steps=steps or request.steps,
        prefix=prefix,
        suffix=suffix,
        seed=run.experiment.seed if seed is None else seed,
    )
    if rename and out is None:
        out = samples_file(rename, run.step, sampler or request.sampler, steps or request.steps)
        keep_settings(run.experiment)
    if out:
        write_samples(texts, out)
    for text in texts:
        typer.echo(f"--- {text['index']}\n{text['text']}")


@app.command()
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
    """Bound the perplexity of a checkpoint.

    Writes results/runs/NAME/eval/step_N/DATASET.json for each test text: a Monte Carlo estimate of the paper's
    upper bound over random times, with its standard error; in nats, bits per character and perplexity a token.

    \b
    Example: sedd perplexity tiny_absorb --dataset wiki --dataset kjv
    """
    from sedd.atomic import write_json
    from sedd.evaluate import measure, open_run
    from sedd.paths import evaluation_file

    experiment = experiment_of(name, overrides, rename, seed)
    run = open_run(experiment, step, device)
    if rename:
        keep_settings(experiment)
    for text in dataset or experiment.evaluation.datasets:
        result = measure(run, text)
        path = evaluation_file(experiment.name, run.step, text)
        write_json(path, result)
        typer.echo(
            f"{path}: perplexity <= {result['perplexity']:.2f}, "
            f"<= {result['bits_per_character']:.3f} bits per character "
            f"(± {result['bits_per_character_standard_error']:.3f})"
        )


def keep_settings(experiment: Experiment) -> None:
    """Record what a renamed experiment was run with."""
    from sedd.config import write_resolved
    from sedd.paths import run_dir

    write_resolved(experiment, run_dir(experiment.name) / "config.yaml")


@app.command()
def table(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A table: config/tables/NAME.yaml.")],
    overrides: Overrides = None,
    rename: Annotated[
        str | None, typer.Option("--name", help="Name of the changed table: its own files.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only print it, write nothing.")] = False,
) -> None:
    """Put published numbers beside ours.

    Prints the table and writes results/tables/NAME.md, .csv and .tex.

    \b
    Example: sedd table zero_shot --show
    """
    from sedd.report import make_table, render_text, write_table

    made = make_table(name, overrides or [], rename=rename, writes=not show)
    typer.echo(render_text(made))
    for path in [] if show else write_table(made):
        typer.echo(path)


@app.command()
def report(name: Name, overrides: Overrides = None, rename: Rename = None) -> None:
    """Make the page of a run.

    Writes results/reports/NAME.html, with pictures and data inside: it opens from disk, offline.

    \b
    Example: sedd report tiny_absorb
    """
    from sedd.paths import report_file, run_dir
    from sedd.report import write_report

    experiment = load_experiment(name, overrides or [], rename=rename)
    if experiment.base and not run_dir(experiment.name).is_dir():
        what = f"there is no run {experiment.name!r} yet; make it: sedd train {name} ... --name {experiment.name}"
        raise ConfigError("command line", [Problem("--name", what)])
    typer.echo(write_report(experiment, report_file(experiment.name)))


@app.command()
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
    from sedd.export import export as write

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


@app.command()
def bench(
    work: Annotated[
        Literal["train", "sample", "perplexity"], typer.Argument(help="What to measure.")
    ],
    device: Device = None,
    model: Annotated[str, typer.Option(help="tiny, small, medium, or yours.")] = "tiny",
    graph: Annotated[Literal["absorb", "uniform"], typer.Option(help="Kind of noise.")] = "absorb",
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

    Times the code that train, sample and perplexity run, on random tokens, so it needs no data. With --plain it also
    times the obvious way to the same result, which makes a score of every token at every position, and prints the
    ratio. A GPU's utilisation is that of the network's plain arithmetic.

    \b
    Examples: sedd bench train --plain
              sedd bench sample --model small --length 1024 --batch 1 --device cuda --json speed.json
    """
    from sedd.atomic import write_json
    from sedd.bench import Settings, render, run_bench

    settings = Settings(
        work=work,
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


def main() -> None:
    """Run a verb; say what the user can mend in plain words."""
    try:
        app()
    except SeddError as error:
        typer.echo(f"sedd: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of the output went away, e.g. `| head`
        sys.stderr.close()
        sys.exit(141)
