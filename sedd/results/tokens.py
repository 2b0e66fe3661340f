"""Tokens: one split of a dataset in one vocabulary."""

from __future__ import annotations

from sedd.config import DatasetConfig, Identity, Keys
from sedd.paths import tokens_dir

PATH = "results/data/{dataset}/{tokenizer}/{split}"
KEYS = Keys(include=("source", "format", "detokenizer", "splits"))


def identity(dataset: DatasetConfig) -> Identity:
    """The settings that the tokens depend on; a description or a licence is none."""
    return KEYS.identity(dataset)


def files(dataset: str, tokenizer: str, split: str) -> list[str]:
    """The files of one split."""
    folder = tokens_dir(dataset, tokenizer, split)
    return [str(folder / "tokens.bin"), str(folder / "meta.json")]
