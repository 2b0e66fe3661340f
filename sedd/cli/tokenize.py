"""`sedd tokenize`: from text to packed tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Overrides
from sedd.config import load_dataset, load_subject, needed_tokens


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
            help="With --dataset: train, validation, test, or paper (what the paper measured); may be repeated."
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
    from sedd.runtime.progress import progress

    if (name is None) == (dataset is None):
        raise typer.BadParameter("give either an experiment's NAME or --dataset, not both")
    if dataset is None and (tokenizer or split):
        raise typer.BadParameter("--tokenizer and --split go with --dataset; NAME says its own")
    if dataset is not None:
        parts = split or load_dataset(dataset).splits_there()
        jobs = [(dataset, tokenizer or "gpt2", part) for part in parts]
    else:
        jobs = needed_tokens(load_subject(name or "", overrides or [], writes=False))
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
