"""`sedd fetch`: downloads, on a machine with internet."""

from __future__ import annotations

from typing import Annotated

import typer

from sedd.cli.options import Overrides
from sedd.config import load_dataset
from sedd.config.file_names import check_tokenizer
from sedd.paths import name_of_folder


def fetch(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Experiment, run or published model."),
    ] = None,
    overrides: Overrides = None,
    dataset: Annotated[
        str | None, typer.Option(help="Instead of NAME: a dataset in config/datasets/.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="With --dataset: train, validation, test or paper; repeatable."
            "  [default: all of its splits]"
        ),
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Instead of NAME: a tokenizer of the hub.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Instead of NAME: a model of the hub.")] = None,
) -> None:
    """Download what comes from the internet.

    Texts, tokenizers and models of the hub go to its cache (HF_HOME), and texts of other addresses
    to results/data/.downloads/. After that, every verb works without a connection; with
    HF_HUB_OFFLINE=1, without a look at the hub. results/fetched/ records what was downloaded.

    \b
    Examples: sedd fetch sedd_small_published
              sedd fetch --dataset openwebtext
              HF_HUB_OFFLINE=1 sedd evaluate sedd_small_published
    """
    from sedd.checkpoints.fetch import fetch_model, fetch_texts, fetch_tokenizer
    from sedd.checkpoints.subject import find_subject
    from sedd.results.fetched import repository_jobs, texts_jobs

    if sum(one is not None for one in (name, dataset, tokenizer, model)) != 1:
        raise typer.BadParameter("give one of NAME, --dataset, --tokenizer and --model")
    if split and dataset is None:
        raise typer.BadParameter("--split requires --dataset")
    texts = [(dataset, one) for one in split or ()] if dataset else []
    if dataset is not None and not split:
        texts = [(dataset, one) for one in load_dataset(dataset).available_splits()]
    if tokenizer is not None:
        check_tokenizer(tokenizer, "--tokenizer")
    wanted = [("tokenizer", tokenizer)] if tokenizer else [("model", model)] if model else []
    if name is not None:
        subject, _ = find_subject(name, overrides or [], writes=False)
        texts = [(job["dataset"], job["split"]) for job in texts_jobs(subject)]
        jobs = repository_jobs(subject)
        wanted = [(job["kind"], name_of_folder(job["repository"])) for job in jobs]
    paths = [fetch_texts(*one) for one in texts]
    for kind, one in wanted:
        paths.append(fetch_tokenizer(one) if kind == "tokenizer" else fetch_model(one))
    for path in paths:
        typer.echo(f"{path}: fetched")
    if not paths:
        typer.echo("nothing comes from the internet")


POSITION, VERBS = 10, (fetch,)
