"""`sedd vocabulary`: learn the tokens of a tokenizer, or show them."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "The river flows through the city of Zürich."


def vocabulary(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="File of config/tokenizers, or any tokenizer.")
    ],
    text: Annotated[str, typer.Option(help="Text to split, as an example.")] = EXAMPLE,
    force: Annotated[
        bool, typer.Option("--force", help="Learn again even if the vocabulary is up to date.")
    ] = False,
) -> None:
    """Learn a vocabulary from a dataset, and show how it splits a text.

    A file such as config/tokenizers/wiki_bpe.yaml says what to learn, and an experiment uses it by
    name: `data: {tokenizer: wiki_bpe}`.

    \b
        train: bpe        # or unigram, char
        size: 4096
        dataset: wiki     # its training split; validation and test are never read

    Writes results/tokenizers/NAME/. The same text and settings give the same vocabulary, byte for
    byte. `sedd tokenize` and `snakemake` learn the vocabularies that they need by themselves. Those
    that are declared (`chars: ACGT`, `bytes: true`, `ids: 388`, `file: tokenizer.json`) need no
    learning, and are only shown.

    \b
    Examples: sedd vocabulary wiki_bpe
              sedd vocabulary gpt2 --text "the river flows"
    """
    from sedd.config import find_tokenizer
    from sedd.config.file_names import check_tokenizer
    from sedd.data.learned import learn_vocabulary
    from sedd.data.tokenizers import load_tokenizer
    from sedd.errors import DataError
    from sedd.paths import vocabulary_dir
    from sedd.runtime.progress import progress

    check_tokenizer(name, "NAME")
    config = find_tokenizer(name)
    if config is not None and config.train is not None:
        with progress(f"vocabulary {name}", None, "document") as bar:
            meta = learn_vocabulary(config, force=force, on_progress=bar.update)
        typer.echo(
            f"{vocabulary_dir(name)}: {config.train}, learned from {meta['num_documents']:,} documents "
            f"({meta['num_characters']:,} characters) of {config.dataset}, split train"
        )
    tokenizer = load_tokenizer(name)
    typer.echo(f"{name}: {tokenizer.vocab_size:,} tokens")
    try:
        (ids,) = tokenizer.encode_batch([text])
    except DataError:
        if text != EXAMPLE:
            raise
        return  # the example is in another alphabet
    pieces = " | ".join(tokenizer.decode([one]) for one in ids)
    typer.echo(f"{len(text)} characters, {len(ids)} tokens: {pieces}")


POSITION, VERBS = 10, (vocabulary,)
