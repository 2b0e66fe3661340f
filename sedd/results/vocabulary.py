"""Vocabularies of config/tokenizers: learned from a dataset, or declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sedd.config import Identity, Keys, find_tokenizer, load_dataset
from sedd.data.parts import files_of_split
from sedd.results import fetched, tokens
from sedd.results.kind import Job

PATH = "results/tokenizers/{tokenizer}"
LEARNED = Keys(include=("train", "dataset", "size"))
DECLARED = Keys(include=("chars", "bytes", "ids", "file", "separator"))


def jobs(names: list[str]) -> list[Job]:
    """Each vocabulary of these names that is learned."""
    return [{"tokenizer": name} for name in dict.fromkeys(names) if learned_from(name)]


def learned_from(name: str) -> str | None:
    """The dataset that a vocabulary is learned from; None for any other tokenizer."""
    config = find_tokenizer(name)
    return None if config is None else config.dataset


def files(name: str) -> list[str]:
    """The files of this project that a tokenizer is read from."""
    config = find_tokenizer(name)
    if config is None:
        return []
    if config.file is not None:
        path = Path(config.file)
        return [str(path / "tokenizer.json" if path.is_dir() else path)]
    return [f"{PATH.format(tokenizer=name)}/tokenizer.json"] if config.dataset else []


def inputs(name: str) -> list[str]:
    """The files of the text that a vocabulary is learned from, and the record of a download."""
    dataset = learned_from(name)
    if dataset is None:
        return []
    local = files_of_split(load_dataset(dataset), "train")
    return [*fetched.files_of_texts(dataset, "train"), *map(str, local)]


def identity(name: str) -> Identity:
    """The settings that a learned vocabulary depends on, those of its text among them."""
    config = find_tokenizer(name)
    if config is None or config.dataset is None:
        return {}
    text: dict[str, Any] = tokens.identity(load_dataset(config.dataset))
    return {**LEARNED.identity(config), **text}


def declaration(name: str) -> Identity:
    """The settings of a declared vocabulary; empty for any other tokenizer."""
    config = find_tokenizer(name)
    return {} if config is None else DECLARED.identity(config)
