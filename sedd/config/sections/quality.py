"""How the texts of a model are judged: by a language model, and by how close they come to real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, DatasetName, DrawPrecision, Split, Text, named_once

Task = Literal["standard", "infill"]


class Generative(ConfigModel):
    """The generative perplexity of texts drawn in every combination of steps, samplers and precisions."""

    steps: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    """denoising steps to compare; none: nothing is judged"""
    samplers: Annotated[
        tuple[Literal["euler", "analytic", "first_hitting", "ancestral"], ...], Field(strict=False)
    ] = ("analytic",)
    """samplers to compare"""
    precisions: Annotated[tuple[DrawPrecision, ...], Field(strict=False)] = ("float64",)
    """precisions of the random draws to compare; float32 is what the paper ran"""
    judge: Text = "gpt2-large"
    """a causal language model: an autoregressive run of ours, a folder, or a hub id"""
    batch_size: Count = 8
    """texts that the judge reads side by side"""


class Mauve(ConfigModel):
    """MAUVE between real texts and texts that begin, or begin and end, as they do."""

    tasks: Annotated[tuple[Task, ...], Field(strict=False)] = ()
    """standard: the first half is given; infill: the first and the last quarter; none: nothing is compared"""
    dataset: DatasetName | None = None
    """whose texts are the real ones; null: data.dataset"""
    split: Split = "validation"
    """part of it"""
    references: Count = 1000
    """real texts"""
    samples: Count = 5
    """texts drawn for each real one"""
    length: Count = 100
    """tokens of a text"""
    featurizer: Text = "gpt2-large"
    """a causal language model, as generative.judge, whose last state at a text's end stands for the text"""
    buckets: Count | None = None
    """clusters that the texts are counted in; null: a tenth of their number, as in mauve-text"""


def _enough_references(references: int, tasks: Sequence[str], buckets: int | None) -> str | None:
    least = max(buckets or 2, 2)
    if tasks and references < least:
        return f"must be at least {least}, one for each cluster; got {references}"
    return None


def _divisible(length: int, tasks: Sequence[str]) -> str | None:
    if tasks and length % 4:
        return f"must be a multiple of 4, so that a half and a quarter are whole; got {length}"
    return None


QUALITY_RULES = (
    *(Rule((f"generative.{key}",), named_once) for key in ("steps", "samplers", "precisions")),
    Rule(("mauve.tasks",), named_once),
    Rule(("mauve.references", "mauve.tasks", "mauve.buckets"), _enough_references),
    Rule(("mauve.length", "mauve.tasks"), _divisible),
)
