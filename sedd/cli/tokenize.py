"""`sedd tokenize`: text to packed tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Overrides
from sedd.config import load_dataset, needed_tokens


def tokenize(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Experiment, run or published model whose data sets to tokenize."
        ),
    ] = None,
    overrides: Overrides = None,
    dataset: Annotated[
        str | None, typer.Option(help="Instead of NAME: a data set in config/datasets/.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(help="With --dataset: gpt2, text8, a hub id or a folder.  [default: gpt2]"),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="With --dataset: train, validation, test or paper (the text of the paper);"
            " repeatable.  [default: all of its splits]"
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Number of tokenizing processes.")] = 1,
    force: Annotated[
        bool, typer.Option("--force", help="Tokenize again even if the tokens are up to date.")
    ] = False,
) -> None:
    """Turn texts into packed tokens.

    Reads the texts that config/datasets/DATASET.yaml names and writes
    results/data/DATASET/TOKENIZER/SPLIT/: detokenized (markup of the corpus undone), encoded, one
    separator after each document, and packed without padding.

    \b
    Examples: sedd tokenize tiny_absorb
              sedd tokenize --dataset wikitext2 --tokenizer gpt2 --split test
    """
    from sedd.checkpoints.subject import find_subject
    from sedd.data.tokenize import tokenize_split
    from sedd.paths import tokens_dir
    from sedd.runtime.progress import progress

    if (name is None) == (dataset is None):
        raise typer.BadParameter("give either an experiment's NAME or --dataset, not both")
    if dataset is None and (tokenizer or split):
        raise typer.BadParameter("--tokenizer and --split require --dataset instead of NAME")
    if dataset is not None:
        splits = split or load_dataset(dataset).available_splits()
        jobs = [(dataset, tokenizer or "gpt2", one) for one in splits]
    else:
        subject, _ = find_subject(name or "", overrides or [], writes=False)
        jobs = needed_tokens(subject)
    for job in jobs:
        config = load_dataset(job[0])
        typer.echo(
            f"{config.name}: {config.description}; license: {config.licence}; {config.homepage}"
        )
        with progress(f"tokenize {'/'.join(job)}", None, "document") as bar:
            meta = tokenize_split(
                config,
                job[1],
                job[2],
                tokens_dir(*job),
                num_processes=processes,
                on_progress=bar.update,
                force=force,
            )
        typer.echo(
            f"{tokens_dir(*job)}: {meta['num_documents']:,} documents, "
            f"{meta['num_tokens']:,} tokens"
        )


POSITION, VERBS = 10, (tokenize,)
