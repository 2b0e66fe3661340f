"""`sedd perplexity`: perplexity of a checkpoint on held-out text, or on a user's own."""

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
    check_prefix,
    find_changed_subject,
    record_settings,
)
from sedd.config import AnyExperiment


def perplexity(
    name: ModelName,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Dataset to measure; repeatable.  [default: evaluation.datasets]"),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Your own texts instead of a dataset; repeatable; - for standard input.",
        ),
    ] = None,
    per_document: Annotated[
        bool, typer.Option("--per-document", help="Score each document of --file by itself.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PREFIX",
            callback=check_prefix,
            help="With --file: write PREFIX.json, .jsonl and .csv.  "
            "[default: results/runs/NAME/eval/step_N/texts/FILE]",
        ),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Measure the perplexity of a checkpoint on held-out text.

    Reads the tokens under results/data/ and writes results/runs/NAME/eval/step_N/DATASET.json per
    dataset: nats, bits per character and perplexity per token, with standard errors. For a
    diffusion model the number is a Monte Carlo estimate of an upper bound; for an autoregressive
    model it is exact.

    --file measures your own texts, with no dataset to configure. A file FILE.jsonl holds one JSON
    object per line, with a document as key `text`; any other file holds one document per line.
    Empty lines are skipped. Documents are packed as those of a dataset are: joined with a
    separator after each, and cut into sequences of the model's length; the last one is shorter.

    --per-document scores every document by itself, at its own length, without padding or a
    separator, and writes nats, tokens and standard error of each as JSON lines and CSV. A document
    longer than the model is split into windows of the model's length, which are summed; the record
    says how many. The nats of a document are a sum over its tokens; for a diffusion model, an upper
    bound, whose standard error comes from 20 independent repeats.

    A killed measurement resumes with the same command. Under torchrun, the devices divide the
    sequences.

    \b
    Examples: sedd perplexity tiny_absorb --dataset wiki --dataset kjv
              sedd perplexity tiny_absorb --file my.txt
              sedd perplexity tiny_absorb --file my.jsonl --per-document --out my_scores
              torchrun --nproc-per-node 8 --no-python sedd perplexity sedd_small_absorb
    """
    if file and dataset:
        raise typer.BadParameter("--file and --dataset: choose one")
    if not file and (per_document or out):
        raise typer.BadParameter("--per-document and --out need --file")
    experiment, step = find_changed_subject(name, overrides, rename, seed, step)
    from sedd.evaluate import measure, only_writer, open_language_model, open_text
    from sedd.paths import evaluation_file
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    if file:
        own_text(experiment, file, step, device, per_document=per_document, out=out)
        return
    texts = dataset or list(experiment.evaluation.datasets)
    for text in texts:
        open_text(experiment, text)  # fail on missing tokens before the model is loaded
    with distributed.world(choose_device(device)) as world:
        run = open_language_model(experiment, step, world.device)
        if world.is_first:
            record_settings(experiment)
        for text in texts:
            path = evaluation_file(experiment.name, run.step, text)
            with only_writer(path, world):
                result = measure(run, text, world)
                if world.is_first:
                    result.write(path)
                    typer.echo(f"{path}: {result.summary()}")


def own_text(
    experiment: AnyExperiment,
    files: list[str],
    step: int | None,
    device: str | None,
    *,
    per_document: bool,
    out: Path | None,
) -> None:
    """Measure the documents of some files, and write and print the result."""
    from sedd.data.text_files import read_texts
    from sedd.evaluate import only_writer, open_language_model
    from sedd.evaluate.own_text import encode_texts, files_name, measure_own_text
    from sedd.paths import own_text_file
    from sedd.results.own_text import write_documents
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    with distributed.world(choose_device(device)) as world:
        # standard input has one reader
        documents = world.broadcast(read_texts(files) if world.is_first else [])
        text = encode_texts(experiment, documents, per_document=per_document)
        run = open_language_model(experiment, step, world.device)
        if world.is_first:
            record_settings(experiment)
        path = own_text_file(experiment.name, run.step, files_name(files))
        if out:
            path = out.with_name(f"{out.name}.json")
        with only_writer(path, world):
            result, scores = measure_own_text(run, text, path, world)
            if world.is_first:
                result.write(path)
                written = [path, *(write_documents(path, scores) if per_document else ())]
                typer.echo(f"{', '.join(map(str, written))}: {result.summary()}")


POSITION, VERBS = 31, (perplexity,)
