"""Fill a table: published numbers, ours, and how far ours lie from the published ones.

A cell is a number or says why there is none. Ours is compared only with a published number of the
same text, split and protocol, or of the same judge, and only in rows that name the published row they reproduce.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sedd.config import load_table
from sedd.config.table import (
    BaselineRow,
    Column,
    Metric,
    OurRow,
    PublishedRow,
    PublishedSource,
    TableConfig,
    reproduced,
)
from sedd.errors import DataError
from sedd.report.table.missing import missing_commands
from sedd.report.table.numbers import Numbers, table_numbers
from sedd.results.generative import GenerativeResult
from sedd.results.mauve import MauveResult
from sedd.results.perplexity import PerplexityResult, UnigramBaseline
from sedd.results.record import Measurement

Origin = Literal["published", "ours", "baseline"]
Verdict = Literal["matches", "better", "worse", "other split", "other protocol", "other judge"]
NOT_RUN = "not run"
NOT_PUBLISHED = "not published"


@dataclass(frozen=True)
class Quantity:
    """How a metric is read from a measurement and printed."""

    title: str
    decimals: int
    is_better_low: bool = True
    published_decimals: int = 2


QUANTITIES: dict[Metric, Quantity] = {
    "perplexity": Quantity("perplexity per token", 2),
    "bits_per_character": Quantity("bits per character", 3),
    "generative_perplexity": Quantity("generative perplexity", 2),
    "mauve": Quantity("MAUVE", 3, is_better_low=False, published_decimals=3),
}


@dataclass(frozen=True)
class Cell:
    """A number with its standard error, or, where `value` is None, why there is none.

    bound: the number is an upper bound. entropy_bits: of the texts that were judged. evaluation: where a number of ours
    was read.
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
    """Ours minus published, and that as a share of the published number. None: not run."""

    published: float
    difference: float | None
    relative: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Row:
    """Cells and comparisons stand in the order of the table's columns.

    source: of published numbers, where it is not the table's. missing: how to get what is not there.
    """

    label: str
    size: str | None
    origin: Origin
    cells: list[Cell]
    comparisons: list[Comparison | None]
    compared_to: str | None = None
    source: PublishedSource | None = None
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """A filled table: what the writers turn into Markdown, CSV, LaTeX and text."""

    name: str
    config: TableConfig
    quantity: Quantity
    rows: list[Row]


def make_table(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> Table:
    """The table of config/tables/NAME.yaml with what stands under results/ now; the rest as in `load_table`."""
    config = load_table(name, overrides, rename=rename, writes=writes)
    return build_table(rename or name, config, table_numbers(config))


def build_table(name: str, config: TableConfig, numbers: Numbers) -> Table:
    """Put each number into its cell.

    numbers: by the row's place and the column's name.
    Raises DataError if one was measured in another vocabulary than the table's.
    """
    quantity = QUANTITIES[config.metric]
    rows = []
    for place, row in enumerate(config.rows):
        if row.kind == "published":
            rows.append(_published(row, config, quantity))
            continue
        found = {key: numbers[place, key] for key in config.columns}
        for key, number in found.items():
            _check_vocabulary(row, config, key, number)
        if row.kind == "ours":
            rows.append(_ours(row, config, quantity, found))
        else:
            rows.append(_baseline(row, quantity, found))
    return Table(name, config, quantity, rows)


def verdict(
    ours: float,
    standard_error: float,
    published: float,
    tolerance: float,
    *,
    is_better_low: bool = True,
) -> Verdict:
    """Whether ours reproduces the published number.

    It matches if it lies within the tolerance, a share of the published number, widened by two
    standard errors of ours.
    """
    difference = ours - published
    if abs(difference) <= tolerance * published + 2 * standard_error:
        return "matches"
    return "better" if (difference < 0) == is_better_low else "worse"


def _published(row: PublishedRow, config: TableConfig, quantity: Quantity) -> Row:
    cells = []
    decimals = quantity.published_decimals
    for key in config.columns:
        if (found := row.values.get(key)) is None:
            cells.append(Cell(decimals, why_missing=NOT_PUBLISHED))
        else:
            cells.append(Cell(decimals, found.value, found.bound, entropy_bits=found.entropy_bits))
    return Row(row.label, row.size, "published", cells, [None] * len(cells), source=row.source)


def _ours(
    row: OurRow, config: TableConfig, quantity: Quantity, numbers: Mapping[str, Measurement | None]
) -> Row:
    cells, comparisons = [], []
    published = reproduced(row, config.rows)
    for key, column in config.columns.items():
        cell = _cell(row, config.metric, quantity, numbers[key])
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
    )


def _cell(row: OurRow, metric: Metric, quantity: Quantity, found: Measurement | None) -> Cell:
    """A number of ours in its metric."""
    decimals = quantity.decimals
    match found:
        case PerplexityResult() if metric == "perplexity":
            error = found.perplexity_standard_error
            return Cell(decimals, found.perplexity, found.bound, error, evaluation=found)
        case PerplexityResult():
            value, error = found.bits_per_character, found.bits_per_character_standard_error
            return Cell(decimals, value, found.bound, error, evaluation=found)
        case GenerativeResult():
            value, error = (
                found.mean_sequence_perplexity,
                found.mean_sequence_perplexity_standard_error,
            )
            if row.mean == "corpus":
                value, error = found.corpus_perplexity, found.corpus_perplexity_standard_error
            bits = found.entropy_bits
            return Cell(decimals, value, False, error, entropy_bits=bits, evaluation=found)
        case MauveResult():
            return Cell(decimals, found.mauve, False, found.standard_error, evaluation=found)
    return Cell(decimals, why_missing=NOT_RUN)


def _compare(cell: Cell, published: float, column: Column, config: TableConfig) -> Comparison:
    if cell.value is None or cell.evaluation is None:
        return Comparison(published, None, None, None)
    if (other := _other(cell.evaluation, column, config)) is not None:
        return Comparison(published, None, None, other)
    assert config.tolerance is not None, "a table that compares has a tolerance"
    difference = cell.value - published
    judged = verdict(
        cell.value,
        cell.standard_error or 0.0,
        published,
        config.tolerance,
        is_better_low=QUANTITIES[config.metric].is_better_low,
    )
    return Comparison(published, difference, difference / published, judged)


def _other(found: Measurement, column: Column, config: TableConfig) -> Verdict | None:
    """Why a number of ours does not compare with the published one, if it does not."""
    if isinstance(found, PerplexityResult) and found.split != column.split:
        return "other split"
    if isinstance(found, PerplexityResult) and column.protocol not in (None, found.protocol):
        return "other protocol"
    if isinstance(found, GenerativeResult | MauveResult) and found.judge != config.judge:
        return "other judge"
    return None


def _baseline(
    row: BaselineRow, quantity: Quantity, numbers: Mapping[str, Measurement | None]
) -> Row:
    cells = []
    for found in numbers.values():
        value = None
        if isinstance(found, PerplexityResult):
            value = _unigram(row.kind, quantity, found.unigram)
        if value is None:
            cells.append(Cell(quantity.decimals, why_missing=NOT_RUN))
        else:
            cells.append(Cell(quantity.decimals, value, evaluation=found))
    return Row(row.label, row.size, "baseline", cells, [None] * len(cells))


def _unigram(kind: str, quantity: Quantity, unigram: UnigramBaseline) -> float | None:
    is_text = kind == "unigram_text"
    if quantity is QUANTITIES["perplexity"]:
        return unigram.text_perplexity if is_text else unigram.train_perplexity
    return unigram.text_bits_per_character if is_text else unigram.train_bits_per_character


def _check_vocabulary(
    row: OurRow | BaselineRow, config: TableConfig, key: str, found: Measurement | None
) -> None:
    if isinstance(found, PerplexityResult) and found.tokenizer != config.tokenizer:
        raise DataError(
            f"row {row.label!r}, column {config.columns[key].label!r}: {row.experiment} was measured with the "
            f"tokenizer {found.tokenizer!r}, the table is of {config.tokenizer!r}, and the two do "
            "not compare; choose another experiment for the row"
        )
