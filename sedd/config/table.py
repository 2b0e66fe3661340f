"""Table of one metric: columns, rows, and published numbers next to ours.

A column is a dataset whose perplexity is measured, a number of denoising steps whose samples a
judge scores, or a task of MAUVE. Published numbers live only in `config/tables/*.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sedd.config import table_rules
from sedd.config.base import ConfigModel, Rule
from sedd.config.choices import MetricName
from sedd.config.sections.generative import Convention
from sedd.config.sections.grid_sampler import GridSampler
from sedd.config.sections.mauve import Task
from sedd.config.values import (
    Count,
    DatasetName,
    DrawPrecision,
    Name,
    Names,
    Split,
    Text,
    TokenizerName,
    WebAddress,
)
from sedd.registry import DEFAULT_SAMPLER


class PublishedSource(ConfigModel):
    """Paper that the published numbers come from."""

    paper: Text
    """authors and year"""
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}(v\d+)?$")]
    """arXiv number, with the version if it is known"""
    table: Text
    """number of the table, or the name of a figure"""
    url: WebAddress
    """address of this version"""


class Column(ConfigModel):
    """One dataset, number of steps, or task."""

    label: Text
    """heading of the column"""
    dataset: DatasetName | None = None
    """dataset that our rows are measured on, config/datasets/NAME.yaml (bits_per_character and
    perplexity)"""
    split: Split = "test"
    """split that the published numbers were measured on"""
    protocol: Literal["paper", "mdlm", "standard"] | None = None
    """`evaluation.protocol` of the published numbers; null: comparable with either"""
    steps: Count | None = None
    """`steps` of the judged samples (generative_perplexity); for a sampler that takes one step per
    token, the length of a text"""
    task: Task | None = None
    """task of the compared samples (mauve)"""


class PublishedValue(ConfigModel):
    """Number as its paper prints it."""

    value: Annotated[float, Field(gt=0)]
    """number, in the table's metric"""
    bound: bool = False
    """whether the number is an upper bound"""
    entropy_bits: Annotated[float, Field(ge=0)] | None = None
    """entropy of the judged samples, in bits; null: not published"""


class PublishedRow(ConfigModel):
    """Published numbers of one model."""

    kind: Literal["published"]
    label: Text
    """name of the model"""
    size: Text | None = None
    """small, medium, ...; null: the table has one size"""
    values: Annotated[dict[str, PublishedValue], Field(min_length=1)]
    """numbers by the name of their column"""
    source: PublishedSource | None = None
    """paper of this row's numbers; null: the table's `source`"""


class OurRow(ConfigModel):
    """Numbers measured by this project, at one checkpoint of an experiment."""

    kind: Literal["ours"]
    label: Text
    """name of the model"""
    size: Text | None = None
    """small, medium, ...; null: the table has one size"""
    experiment: Name
    """experiment whose results fill the row"""
    step: Annotated[int, Field(ge=1)] | None = None
    """training step of the checkpoint; null: the last checkpoint"""
    sampler: GridSampler = DEFAULT_SAMPLER
    """sampler of the judged samples, as in generative.samplers"""
    precision: DrawPrecision = "float64"
    """precision of the random draws of the judged samples"""
    seeds: Names = ()
    """further experiments that differ from it in their seed alone; the row is then the mean of all,
    with their standard deviation"""
    curve: Text | None = None
    """label of the curve that rows with the same experiment and curve make together in the figure;
    null: the row is a curve of its own"""
    compare_to: Text | None = None
    """label of the published row of the same size that this row reproduces; null: none"""


class BaselineRow(ConfigModel):
    """Score of a model that knows only the frequency of each token.

    unigram_text:  frequencies in the measured text itself; no unigram model scores lower.
    unigram_train: frequencies in the experiment's training text.
    """

    kind: Literal["unigram_text", "unigram_train"]
    label: Text
    """name of the baseline"""
    size: Text | None = None
    """small, medium, ...; null: the table has one size"""
    experiment: Name
    """experiment whose evaluations counted the tokens"""
    step: Annotated[int, Field(ge=1)] | None = None
    """training step of the checkpoint; null: the last checkpoint"""


Row = Annotated[PublishedRow | OurRow | BaselineRow, Field(discriminator="kind")]


class TableConfig(ConfigModel):
    """Table of one metric. Smaller is better, except for MAUVE."""

    title: Text
    """title above the table"""
    note: Text
    """note below the table: what a reader must know to interpret the numbers"""
    metric: MetricName
    """quantity in every cell"""
    tokenizer: TokenizerName
    """vocabulary of our rows; perplexities in different vocabularies are not comparable"""
    tolerance: Annotated[float, Field(ge=0, lt=1)] | None = None
    """largest relative difference at which our number reproduces the published one; required by
    `compare_to`"""
    judge: Text | None = None
    """model that judged (or, for MAUVE, embedded) the samples behind the published numbers"""
    convention: Convention = "every_token"
    """tokens that this judge scored, see generative.convention"""
    source: PublishedSource | None = None
    """paper of the published numbers; null: no row has any"""
    columns: Annotated[dict[str, Column], Field(min_length=1)]
    """columns by the name that rows use"""
    rows: Annotated[tuple[Row, ...], Field(min_length=1, strict=False)]
    """rows, printed in this order within published, ours and baselines"""

    rules: ClassVar[tuple[Rule, ...]] = table_rules.RULES

    def experiments(self) -> list[str]:
        """Experiments that rows are made from, each once, in the order of the rows."""
        names = [
            name
            for row in self.rows
            if row.kind != "published"
            for name in (row.experiment, *(row.seeds if row.kind == "ours" else ()))
        ]
        return list(dict.fromkeys(names))


def reproduced(row: OurRow, rows: Iterable[Row]) -> PublishedRow | None:
    """Published row of the same size that `row` names in `compare_to`, or None."""
    for other in rows:
        if other.kind == "published" and (other.label, other.size) == (row.compare_to, row.size):
            return other
    return None
