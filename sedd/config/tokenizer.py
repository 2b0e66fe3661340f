"""Vocabulary of a project: learned from a dataset, or declared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, DatasetName, Name, Text

BUILT_IN = ("gpt2", "text8")
NUM_BYTES = 256
WAYS = ("train", "chars", "bytes", "ids", "file")


def _one_way(train: object, *others: object) -> str | None:
    given = [key for key, value in zip(WAYS, (train, *others), strict=True) if value]
    if len(given) == 1:
        return None
    return f"give one of {', '.join(WAYS)}; got {' and '.join(given) or 'none'}"


def _with_train(key: str, value: object, train: str | None) -> str | None:
    if (value is None) == (train is None):
        return None
    return f"is required with train: {train}" if train else f"only with train; leave {key} out"


def _distinct(chars: str | None) -> str | None:
    twice = sorted({one for one in chars or "" if (chars or "").count(one) > 1})
    return f"must have each character once; got {''.join(twice)!r} twice" if twice else None


def _separator(separator: str | None, chars: str | None, file: str | None) -> str | None:
    if separator is None or file is not None:
        return None
    if chars is None:
        return "only with chars or file; leave it out"
    if len(separator) == 1 and separator in chars:
        return None
    return f"must be one of the characters {chars!r}; got {separator!r}"


class TokenizerConfig(ConfigModel):
    """Vocabulary. One of the keys train, chars, bytes, ids and file says where its tokens come from.
    A token of its own, `<|endoftext|>`, ends each document, unless `separator` names another."""

    name: Name
    """file's stem, set by the loader"""
    description: Text
    """one line for lists"""
    train: Literal["bpe", "unigram", "char"] | None = None
    """learn the tokens from the training split of `dataset`. bpe: the most frequent pairs are
    joined, from bytes. unigram: the tokens that make the text most likely, from bytes. char: the most
    frequent characters; all other characters are spelled in bytes. Each can write every text"""
    dataset: DatasetName | None = None
    """with train: file of config/datasets"""
    size: Annotated[int, Field(gt=NUM_BYTES, le=1_000_000)] | None = None
    """with train: number of tokens, among them 256 bytes and the separator; fewer if the text has
    no more"""
    chars: Text | None = None
    """each of these characters is a token, such as ACGT; a text with another one is refused"""
    bytes: bool = False
    """each byte is a token"""
    ids: Count | None = None
    """texts are lists of whole numbers below this one, such as `12 7 3`: each number is a token"""
    file: Text | None = None
    """tokenizer.json of the `tokenizers` library, or a folder with one, relative to the project"""
    separator: Text | None = None
    """token that ends each document: one of chars, or a token of file; null: a token of its own, or
    the one that file has"""

    rules = (
        Rule(WAYS, _one_way),
        Rule(("dataset", "train"), lambda value, train: _with_train("dataset", value, train)),
        Rule(("size", "train"), lambda value, train: _with_train("size", value, train)),
        Rule(("chars",), _distinct),
        Rule(("separator", "chars", "file"), _separator),
        Rule(
            ("name",),
            lambda name: f"{name} is built in; rename the file" if name in BUILT_IN else None,
        ),
    )
