"""`sedd tokenize`: text to packed tokens."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Overrides
from sedd.config import load_dataset, needed_tokens
from sedd.config.file_names import check_tokenizer
from sedd.config.values import MAX_THREADS


def tokenize(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Experiment, run or published model whose datasets to tokenize."
        ),
    ] = None,
    overrides: Overrides = None,
    dataset: Annotated[
        str | None, typer.Option(help="Instead of NAME: a dataset in config/datasets/.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="With --dataset: a file of config/tokenizers, gpt2, text8, a hub id or a folder.  [default: gpt2]"
        ),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="With --dataset: train, validation, test, or paper or mdlm (what these papers measured);"
            " repeatable.  [default: all of its splits]"
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=MAX_THREADS, help="Number of tokenizing processes.")
    ] = 1,
    prepare: Annotated[
        list[str] | None,
        typer.Option(
            help="With --split: another split to encode in the same pass over the texts; its own call"
            " then reads no text; repeatable."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Tokenize again even if the tokens are up to date.")
    ] = False,
) -> None:
    """Turn texts into packed tokens.

    Reads the texts that config/datasets/DATASET.yaml names and writes
    results/data/DATASET/TOKENIZER/SPLIT/: detokenized (markup of the corpus undone), encoded, one
    separator after each document, and packed without padding.

    Splits of the same texts are written in one pass. A killed command continues where it was when it
    is called again. Several processes, also on several machines with a shared folder, share the work
    if each gets the same command.

    \b
    Examples: sedd tokenize tiny_absorb
              sedd tokenize --dataset wikitext2 --tokenizer gpt2 --split test
    """
    from sedd.data.tokenize import by_vocabulary, tokenize_splits
    from sedd.paths import tokens_dir
    from sedd.runtime.progress import progress

    if (name is None) == (dataset is None):
        raise typer.BadParameter("give either an experiment's NAME or --dataset, not both")
    if dataset is None and (tokenizer or split):
        raise typer.BadParameter("--tokenizer and --split require --dataset instead of NAME")
    if prepare and not split:
        raise typer.BadParameter("--prepare requires --split: without it, all splits are written")
    if dataset is not None:
        tokenizer = "gpt2" if tokenizer is None else tokenizer
        check_tokenizer(tokenizer, "--tokenizer")
        splits = split or load_dataset(dataset).available_splits()
        jobs = [(dataset, tokenizer, one) for one in splits]
    else:
        from sedd.checkpoints.subject import find_subject

        subject, _ = find_subject(name or "", overrides or [], writes=False)
        jobs = needed_tokens(subject)
    for (dataset, tokenizer), folders in by_vocabulary(jobs).items():
        config = load_dataset(dataset)
        page = f"; {config.homepage}" if config.homepage else ""
        typer.echo(f"{config.name}: {config.description}; license: {config.licence}{page}")
        what = f"tokenize {dataset}/{tokenizer}/{'+'.join(folders)}"
        with progress(what, None, "document") as bar:
            metas = tokenize_splits(
                config,
                tokenizer,
                folders,
                prepare={one: tokens_dir(dataset, tokenizer, one) for one in prepare or ()},
                num_processes=processes,
                on_progress=bar.update,
                force=force,
            )
        for one, meta in metas.items():
            numbers = f"{meta['num_documents']:,} documents, {meta['num_tokens']:,} tokens"
            typer.echo(f"{folders[one]}: {numbers}")


POSITION, VERBS = 10, (tokenize,)
