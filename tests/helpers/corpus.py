"""A small tokenized dataset for tests of later steps, written by the real tokenizer code."""

from __future__ import annotations

from pathlib import Path

from sedd.config import load_dataset
from sedd.data.tokenize import tokenize_split
from sedd.paths import tokens_dir

WORDS = [
    "the",
    "river",
    "runs",
    "from",
    "north",
    "to",
    "south",
    "and",
    "the",
    "old",
    "town",
    "lies",
    "on",
    "its",
    "bank",
]


def write_corpus(path: Path, documents: int = 120) -> None:
    """Write lines of words in varying order: a model can learn the spelling but cannot memorize the text."""
    lines = [
        " ".join(WORDS[(i * j + i) % len(WORDS)] for j in range(1, 30)) for i in range(documents)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def tokenize_corpus(tokenizer: str = "text8", documents: int = 120) -> None:
    """Add a dataset `corpus` to the current folder's project, and tokenize its three splits."""
    write_corpus(Path("corpus.txt"), documents)
    Path("config/datasets/corpus.yaml").write_text(
        "description: words in varying order\n"
        "licence: made for tests\n"
        "source: {type: file, files: {all: corpus.txt}}\n"
        "format: {type: text, document: line}\n"
        "splits: {type: hash, validation: 0.2, test: 0.2}\n"
    )
    dataset = load_dataset("corpus")
    for split in ("train", "validation", "test"):
        tokenize_split(dataset, tokenizer, split, tokens_dir("corpus", tokenizer, split))
