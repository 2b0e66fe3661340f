"""Fill a table: published numbers, our numbers, and the difference between them.

A number of ours is compared with a published one only if the row names the published row that it
reproduces, and only for the same text, split and protocol, or the same judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sedd.config import load_table
from sedd.config.table import (
    BaselineRow,
    Column,
    OurRow,
    PublishedRow,
    PublishedSource,
    TableConfig,
    reproduced,
)
from sedd.errors import DataError
from sedd.registry import METRICS, MetricInfo
from sedd.report.table.metrics import Number
from sedd.report.table.missing import missing_commands
from sedd.report.table.numbers import Numbers, table_numbers
from sedd.results.generative import GenerativeResult
from sedd.results.mauve import MauveResult
from sedd.results.perplexity import PerplexityResult
from sedd.results.record import Measurement

Origin = Literal["published", "ours", "baseline"]
Verdict = Literal["matches", "better", "worse", "other split", "other protocol", "other judge"]
NOT_RUN = "not run"
NOT_PUBLISHED = "not published"


@dataclass(frozen=True)
class Cell:
    """A number with its standard error or, if `value` is None, the reason why it is missing.

    bound: the number is an upper bound. entropy_bits: entropy of the judged texts. evaluation: the
        result behind a number of
    ours.
    """

    decimals: int
    value: float | None = None
    bound: bool = False
    standard_error: float | None = None
    why_missing: str = ""
    entropy_bits: float | None = None
    evaluation: Measurement | None = None


@dataclass(frozen=True)
class Comparison:
    """Ours minus published, absolute and relative to the published number. None: not run, or not
    comparable.
    """

    published: float
    difference: float | None
    relative: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Row:
    """A row; cells and comparisons are in the order of the table's columns.

    source: of published numbers, if it is not the table's. missing: the commands that make missing
        numbers. curve: in the figure, if other rows belong to it.
    """

    label: str
    size: str | None
    origin: Origin
    cells: list[Cell]
    comparisons: list[Comparison | None]
    compared_to: str | None = None
    source: PublishedSource | None = None
    missing: list[str] = field(default_factory=list)
    curve: str | None = None


@dataclass(frozen=True)
class Table:
    """A filled table, for the writers of Markdown, CSV, LaTeX, HTML and text."""

    name: str
    config: TableConfig
    rows: list[Row]

    @property
    def metric(self) -> MetricInfo:
        """Facts about the metric of the table."""
        return METRICS[self.config.metric]


def make_table(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> Table:
    """The table of config/tables/NAME.yaml, filled from results/. Arguments as in `load_table`."""
    config = load_table(name, overrides, rename=rename, writes=writes)
    return build_table(rename or name, config, table_numbers(config))


def build_table(name: str, config: TableConfig, numbers: Numbers) -> Table:
    """Fill every cell from `numbers`, which are keyed by the index of the row and the name of the
    column.

    Raises DataError if a result was measured in another vocabulary than the table's.
    """
    metric = METRICS[config.metric]
    rows = []
    for index, row in enumerate(config.rows):
        if row.kind == "published":
            rows.append(_published(row, config, metric))
            continue
        results = {key: numbers[index, key] for key in config.columns}
        for key, result in results.items():
            _check_vocabulary(row, config, key, result)
        if row.kind == "ours":
            rows.append(_ours(row, config, metric, results))
        else:
            cells = [_cell(row, metric, result) for result in results.values()]
            rows.append(Row(row.label, row.size, "baseline", cells, [None] * len(cells)))
    return Table(name, config, rows)


def verdict(
    ours: float,
    standard_error: float,
    published: float,
    tolerance: float,
    *,
    is_better_low: bool = True,
) -> Verdict:
    """Whether ours reproduces the published number.

    It matches if the difference is at most `tolerance`, a fraction of the published number, plus
    two standard errors of ours.
    """
    difference = ours - published
    if abs(difference) <= tolerance * published + 2 * standard_error:
        return "matches"
    return "better" if (difference < 0) == is_better_low else "worse"


def _published(row: PublishedRow, config: TableConfig, metric: MetricInfo) -> Row:
    cells = []
    decimals = metric.published_decimals
    for key in config.columns:
        if (number := row.values.get(key)) is None:
            cells.append(Cell(decimals, why_missing=NOT_PUBLISHED))
        else:
            cells.append(
                Cell(decimals, number.value, number.bound, entropy_bits=number.entropy_bits)
            )
    return Row(row.label, row.size, "published", cells, [None] * len(cells), source=row.source)


def _ours(
    row: OurRow, config: TableConfig, metric: MetricInfo, results: Mapping[str, Measurement | None]
) -> Row:
    cells, comparisons = [], []
    published = reproduced(row, config.rows)
    for key, column in config.columns.items():
        cell = _cell(row, metric, results[key])
        cells.append(cell)
        value = published.values.get(key) if published else None
        comparisons.append(_compare(cell, value.value, column, config) if value else None)
    return Row(
        row.label,
        row.size,
        "ours",
        cells,
        comparisons,
        row.compare_to,
        missing=missing_commands(row, config, cells),
        curve=row.curve,
    )


def _cell(row: OurRow | BaselineRow, metric: MetricInfo, result: Measurement | None) -> Cell:
    number: Number | None = None if result is None else metric.load()(result, row)
    if number is None:
        return Cell(metric.decimals, why_missing=NOT_RUN)
    return Cell(
        metric.decimals,
        number.value,
        number.bound,
        number.standard_error,
        entropy_bits=number.entropy_bits,
        evaluation=result,
    )


def _compare(cell: Cell, published: float, column: Column, config: TableConfig) -> Comparison:
    if cell.value is None or cell.evaluation is None:
        return Comparison(published, None, None, None)
    if (other := _incomparable(cell.evaluation, column, config)) is not None:
        return Comparison(published, None, None, other)
    assert config.tolerance is not None, "ensured by a rule of the configuration"
    difference = cell.value - published
    result = verdict(
        cell.value,
        cell.standard_error or 0.0,
        published,
        config.tolerance,
        is_better_low=METRICS[config.metric].is_better_low,
    )
    return Comparison(published, difference, difference / published, result)


def _incomparable(result: Measurement, column: Column, config: TableConfig) -> Verdict | None:
    """The reason why a result does not compare with the published number; None if it does."""
    if isinstance(result, PerplexityResult) and result.split != column.split:
        return "other split"
    if isinstance(result, PerplexityResult) and column.protocol not in (None, result.protocol):
        return "other protocol"
    if isinstance(result, GenerativeResult | MauveResult) and result.judge != config.judge:
        return "other judge"
    return None


def _check_vocabulary(
    row: OurRow | BaselineRow, config: TableConfig, key: str, result: Measurement | None
) -> None:
    if isinstance(result, PerplexityResult) and result.tokenizer != config.tokenizer:
        raise DataError(
            f"row {row.label!r}, column {config.columns[key].label!r}: {row.experiment} was measured with the "
            f"tokenizer {result.tokenizer!r}, but the table is of {config.tokenizer!r}; their numbers do not compare: "
            "choose another experiment for the row"
        )
