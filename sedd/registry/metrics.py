"""Metrics of tables. An implementation maps a result and a row of a table to a
`sedd.report.table.metrics.Number`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sedd.registry.registry import Info, Registry

ColumnKey = Literal["dataset", "steps", "task"]


@dataclass(frozen=True, kw_only=True)
class MetricInfo(Info):
    """Facts about a metric. `description` is its title in a table."""

    result: Literal["perplexity", "generative", "mauve"]
    """kind of the results that it is read from: a module of `sedd.results`, and a rule"""
    column_key: ColumnKey
    """what a column of the table names"""
    error_over: str
    """what the standard error is taken over"""
    decimals: int = 2
    published_decimals: int = 2
    is_better_low: bool = True
    has_judge: bool = False
    """a language model judges the texts, so that numbers of different judges do not compare"""
    has_steps_figure: bool = False
    """a table can be drawn against network calls"""


METRICS = Registry(
    "metric",
    {
        "bits_per_character": MetricInfo(
            description="bits per character",
            implementation="sedd.report.table.metrics:bits_per_character",
            result="perplexity",
            column_key="dataset",
            error_over="ten groups of neighboring sequences, and over times",
            decimals=3,
        ),
        "perplexity": MetricInfo(
            description="perplexity per token",
            implementation="sedd.report.table.metrics:perplexity_per_token",
            result="perplexity",
            column_key="dataset",
            error_over="ten groups of neighboring sequences, and over times",
        ),
        "generative_perplexity": MetricInfo(
            description="generative perplexity",
            implementation="sedd.report.table.metrics:generative_perplexity",
            result="generative",
            column_key="steps",
            error_over="texts",
            has_judge=True,
            has_steps_figure=True,
        ),
        "mauve": MetricInfo(
            description="MAUVE",
            implementation="sedd.report.table.metrics:mauve_score",
            result="mauve",
            column_key="task",
            error_over="the texts generated for each reference",
            decimals=3,
            published_decimals=3,
            is_better_low=False,
            has_judge=True,
        ),
    },
)
