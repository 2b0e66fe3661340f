"""Fill a table: published numbers, our numbers, and the difference between them.

A number of ours is compared with a published one only if the row names the published row that it
reproduces, and only for the same text, split and protocol, or the same judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sedd.config import load_subject, load_table
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
from sedd.report.table.comparable import Other, other_than_published
from sedd.report.table.impossible import IMPOSSIBLE, why_impossible
from sedd.report.table.missing import missing_commands
from sedd.report.table.numbers import Numbers, table_numbers
from sedd.report.table.seeds import over_seeds
from sedd.results.perplexity import PerplexityResult
from sedd.results.record import Measurement
from sedd.results.spelled import spell
from sedd.results.weights import EARLIER, has_earlier_weights

Origin = Literal["published", "ours", "baseline"]
Verdict = Literal["matches", "better", "worse", "earlier weights"] | Other
NOT_RUN = "not run"
NOT_PUBLISHED = "not published"


@dataclass(frozen=True)
class Cell:
    """A number with its standard error or, if `value` is None, the reason why it is missing.

    bound: the number is an upper bound. entropy_bits: entropy of the judged texts.
    num_seeds: of the trainings that it is the mean over; the standard error is then their standard
        deviation.
    evaluations: the results behind a number of ours, one for each seed.
    apart: why a number of ours compares with no published one, such as `judge tiny`; else empty.
    """

    decimals: int
    value: float | None = None
    bound: bool = False
    standard_error: float | None = None
    why_missing: str = ""
    entropy_bits: float | None = None
    num_seeds: int = 1
    evaluations: tuple[Measurement, ...] = ()
    apart: str = ""

    @property
    def evaluation(self) -> Measurement | None:
        """The result of the first seed."""
        return self.evaluations[0] if self.evaluations else None


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
        for key, found in results.items():
            for result in found:
                _check_vocabulary(row, config, key, result)
        if row.kind == "ours":
            rows.append(_ours(row, config, metric, results))
        else:
            cells = [_cell(row, config, key, found) for key, found in results.items()]
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
    row: OurRow, config: TableConfig, metric: MetricInfo, results: Mapping[str, list[Measurement]]
) -> Row:
    columns, published = config.columns, reproduced(row, config.rows)
    cells = [_cell(row, config, key, results[key]) for key in columns]
    missing = []
    if unmeasured := [
        column for cell, column in zip(cells, columns.values(), strict=True) if not cell.evaluations
    ]:
        subject = load_subject(row.experiment)
        missing = missing_commands(row, subject, unmeasured)
        cells = [
            _or_impossible(cell, why_impossible(row, column, subject))
            for cell, column in zip(cells, columns.values(), strict=True)
        ]
    comparisons = []
    for cell, (key, column) in zip(cells, columns.items(), strict=True):
        value = published.values.get(key) if published else None
        if value is None or cell.why_missing in IMPOSSIBLE:
            comparisons.append(None)
        else:
            comparisons.append(_compare(cell, value.value, column, config))
    return Row(
        row.label,
        row.size,
        "ours",
        cells,
        comparisons,
        row.compare_to,
        missing=missing,
        curve=row.curve,
    )


def _or_impossible(cell: Cell, why: tuple[str, str] | None) -> Cell:
    """The cell, which says so if there can be no number."""
    return replace(cell, why_missing=why[0]) if why and cell.why_missing == NOT_RUN else cell


def _cell(
    row: OurRow | BaselineRow, config: TableConfig, key: str, results: Sequence[Measurement]
) -> Cell:
    metric = METRICS[config.metric]
    present = [one for one in results if row.kind != "ours" or not has_earlier_weights(one)]
    pairs = [(one, metric.load()(one, row)) for one in present]
    known = [(one, number) for one, number in pairs if number is not None]
    if not known:
        return Cell(metric.decimals, why_missing=EARLIER if results and not present else NOT_RUN)
    number = over_seeds([number for _, number in known])
    missing = number.why_missing or spell(None, None, nats=number.nats)
    others = other_than_published(known[0][0], config.columns[key], config)
    return Cell(
        metric.decimals,
        number.value,
        number.bound,
        number.standard_error,
        why_missing="" if number.value is not None else missing,
        entropy_bits=number.entropy_bits,
        num_seeds=number.num_seeds,
        evaluations=tuple(one for one, _ in known),
        apart=", ".join(f"{other.removeprefix('other ')} {value}" for other, value in others),
    )


def _compare(cell: Cell, published: float, column: Column, config: TableConfig) -> Comparison:
    if cell.value is None or cell.evaluation is None:
        is_earlier = cell.why_missing == EARLIER
        return Comparison(published, None, None, "earlier weights" if is_earlier else None)
    if others := other_than_published(cell.evaluation, column, config):
        return Comparison(published, None, None, others[0][0])
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


def _check_vocabulary(
    row: OurRow | BaselineRow, config: TableConfig, key: str, result: Measurement
) -> None:
    if isinstance(result, PerplexityResult) and result.tokenizer != config.tokenizer:
        raise DataError(
            f"row {row.label!r}, column {config.columns[key].label!r}: {row.experiment} was measured with the "
            f"tokenizer {result.tokenizer!r}, but the table is for {config.tokenizer!r}; their numbers do not compare: "
            "choose another experiment for the row"
        )
