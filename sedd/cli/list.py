"""`sedd list`: what the project has, one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

Lines = list[tuple[str, str]]  # a name, and what it is


def list_(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KIND]...",
            help="experiments, sweeps, datasets, tokenizers, models, clusters, tables or runs; default: all.",
            autocompletion=lambda: list(KINDS),
        ),
    ] = None,
) -> None:
    """List experiments, datasets, tables, runs and more, one line each.

    A name of this list is what the other verbs take, and what a YAML file names.

    \b
    Examples: sedd list experiments runs
              sedd list        # everything
    """
    from sedd.config.yaml.describe import must_be_one_of
    from sedd.runtime.terminal import text_table

    if unknown := [kind for kind in kinds or () if kind not in KINDS]:
        raise typer.BadParameter("; ".join(must_be_one_of([*KINDS], kind) for kind in unknown))
    for number, kind in enumerate(kinds or KINDS):
        lines = KINDS[kind]() or [("none", "")]
        typer.echo(("\n" if number else "") + text_table([kind, ""], [lines], num_labels=2))


def _files(folder: str, key: str = "description") -> Callable[[], Lines]:
    """The YAML files of a folder of config/, with the value of one key."""

    def lines() -> Lines:
        return [
            (path.stem, _value(path, key)) for path in sorted(Path("config", folder).glob("*.yaml"))
        ]

    return lines


def _value(path: Path, key: str) -> str:
    from sedd.config.yaml.source import read_source
    from sedd.errors import ConfigError

    try:
        value = read_source(path).values.get(key)
    except ConfigError:
        return f"cannot be read: sedd config check {path}"
    return " ".join(str(value or "").split())


def _models() -> Lines:
    """Presets of a network, with their sizes."""
    from sedd.config.yaml.source import read_source

    lines = []
    for path in sorted(Path("config/model").glob("*.yaml")):
        values = read_source(path).values
        sizes = [
            f"{key} {values[key]}"
            for key in ("hidden_size", "n_blocks", "n_heads")
            if key in values
        ]
        lines.append((path.stem, ", ".join(sizes)))
    return lines


def _tokenizers() -> Lines:
    return [
        *_files("tokenizers")(),
        ("text8", "27 characters: a to z and the space; needs no files"),
        ("gpt2", "byte-level BPE with 50,257 tokens"),
        ("FOLDER", "a folder with a tokenizer.json"),
        ("HUB_ID", "a model of the hub with a tokenizer.json, such as bert-base-uncased"),
    ]


def _runs() -> Lines:
    from sedd.config.file_names import run_folders

    return [(path.name, _checkpoints(path)) for path in run_folders()]


def _checkpoints(run: Path) -> str:
    steps = [path.stem.removeprefix("step_") for path in (run / "checkpoints").glob("step_*.pt")]
    newest = max((int(step) for step in steps if step.isdecimal()), default=None)
    return "no checkpoint yet" if newest is None else f"newest checkpoint: step {newest:,}"


KINDS: dict[str, Callable[[], Lines]] = {
    "experiments": _files("experiments"),
    "sweeps": _files("sweeps"),
    "datasets": _files("datasets"),
    "tokenizers": _tokenizers,
    "models": _models,
    "clusters": _files("cluster"),
    "tables": _files("tables", "title"),
    "runs": _runs,
}

POSITION, VERBS = 50, (list_,)
