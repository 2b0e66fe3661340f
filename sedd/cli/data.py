"""`sedd data add`: a dataset from a user's own files."""

from __future__ import annotations

from typing import Annotated, Any, get_args

import typer


def data() -> None:
    """Add a dataset of your own files."""


def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the dataset: config/datasets/NAME.yaml.")
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files, folders or patterns: text, JSON, CSV, parquet, arrow, npy.",
        ),
    ],
    field: Annotated[
        str | None, typer.Option(help="Column or key of the text.  [default: the likeliest one]")
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            help="For plain text, what a document is: line, line_with_end, paragraph, file."
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="One line about the text.")] = None,
    licence: Annotated[str, typer.Option(help="License of the text.")] = "not stated",
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file of this dataset.")
    ] = False,
) -> None:
    """Write the YAML of a dataset after looking at its files.

    Reads all documents once, and says what it found: kind, documents, characters, three examples, and
    the tokenizer and length that suit them. Files or folders named train, validation and test become
    these splits; otherwise documents are divided by their hash. If no tokenizer at hand suits the
    text, it also writes config/tokenizers/NAME.yaml.

    \b
    Examples: sedd data add mine books/*.txt.gz --document paragraph
              sedd data add web shards/ --field content
    """
    from pydantic import TypeAdapter

    from sedd.config import load_dataset
    from sedd.config.dataset import Format, TextFormat
    from sedd.config.values import DATASET_NAME
    from sedd.data.guess_format import described, ending_of, guess_format
    from sedd.data.survey import (
        as_source,
        data_files,
        parts_by_name,
        suggested_length,
        suggested_tokenizer,
        survey,
    )
    from sedd.data.user_dataset import splits_of, write_dataset, write_tokenizer
    from sedd.errors import DataError
    from sedd.paths import dataset_file, tokenizer_file
    from sedd.runtime.progress import progress

    if not DATASET_NAME.fullmatch(name):
        raise typer.BadParameter(f"NAME must be letters, digits, _ and -; got {name!r}")
    path = dataset_file(name)
    if path.exists() and not force:
        raise DataError(f"{path}: exists already; choose another name, or replace it with --force")
    files = data_files(paths)
    form = guess_format(files[0], field)
    if document is not None:
        units = get_args(TextFormat.model_fields["document"].annotation)
        if form["type"] != "text" or document not in units:
            allowed = f"must be {', '.join(units)}, and is for plain text"
            raise typer.BadParameter(f"--document {allowed}; {files[0]} is {form['type']}")
        form["document"] = document
    kind = f"{len(files):,} {ending_of(files[0])[1:]} file{'s' * (len(files) > 1)}"
    parts = {part: as_source(some) for part, some in parts_by_name(files).items()}
    values: dict[str, Any] = {
        "description": description or f"{name}, {kind}",
        "licence": licence,
        "source": {"type": "file", "files": parts},
        "format": form,
    }
    with progress(f"read {name}", None, "document") as bar:
        found = survey(files, TypeAdapter(Format).validate_python(form), bar.update)
    values["splits"] = splits_of(name, list(parts), found.documents)
    write_dataset(path, name, values)
    load_dataset(name)

    tokenizer, characters_per_token = suggested_tokenizer(name, found)
    length = suggested_length(found, characters_per_token)
    written = [path]
    if not isinstance(tokenizer, str):
        if force or not tokenizer_file(name).exists():
            write_tokenizer(tokenizer_file(name), name, tokenizer)
            written.append(tokenizer_file(name))
        tokenizer = name
    typer.echo(f"files       {kind}; {described(form)}")
    left_out = f", and {found.empty:,} empty ones, which are left out" if found.empty else ""
    typer.echo(f"documents   {found.documents:,}{left_out}")
    mean = found.mean_characters
    unit = "ids" if form["type"] == "ids" else "characters"
    typer.echo(f"{unit:12}{found.characters:,}, {mean:,.0f} per document")
    for number, text in enumerate(found.examples):
        shown = " ".join(text.split())
        shown = shown[:76] + " ..." if len(shown) > 80 else shown
        typer.echo(f"{'' if number else 'examples':12}{shown}")
    typer.echo(f"splits      {described(values['splits'])}")
    typer.echo(f"suits       tokenizer {tokenizer}, length {length}")
    typer.echo(f"wrote       {', '.join(map(str, written))}")
    typer.echo(
        f"try         sedd train tiny_absorb data.dataset={name} data.tokenizer={tokenizer}"
        f" data.length={length} --name {name}"
    )


POSITION = 11
