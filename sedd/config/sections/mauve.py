"""Section `mauve`: the similarity of conditional samples to real texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, DatasetName, Split, Text, named_once

Task = Literal["standard", "infill"]


class Mauve(ConfigModel):
    """MAUVE between real texts and samples that contain a part of each real text."""

    tasks: Annotated[tuple[Task, ...], Field(strict=False)] = ()
    """standard: the first half of the real text is given; infill: its first and last quarter;
    empty: nothing is measured"""
    dataset: DatasetName | None = None
    """dataset of the real texts; null: data.dataset"""
    split: Split = "validation"
    """split of this dataset"""
    references: Count = 1000
    """number of real texts"""
    samples: Count = 5
    """samples per real text"""
    length: Count = 100
    """tokens per text"""
    featurizer: Text = "gpt2-large"
    """causal language model, as generative.judge; its last hidden state at the end of a text embeds
    the text"""
    buckets: Count | None = None
    """number of clusters of the embeddings; null: a tenth of the number of texts, as in
    mauve-text"""


def _enough_references(references: int, tasks: Sequence[str], buckets: int | None) -> str | None:
    least = max(buckets or 2, 2)
    if tasks and references < least:
        return f"must be at least {least}, one for each cluster; got {references}"
    return None


def _divisible(length: int, tasks: Sequence[str]) -> str | None:
    if tasks and length % 4:
        return f"must be a multiple of 4, because quarters of a text are given; got {length}"
    return None


RULES = (
    Rule(("mauve.tasks",), named_once),
    Rule(("mauve.references", "mauve.tasks", "mauve.buckets"), _enough_references),
    Rule(("mauve.length", "mauve.tasks"), _divisible),
)
