"""Fill a table: published numbers, ours, and how far ours lie from the published ones.

A cell is a number or says why there is none. Ours is compared only with a published number of the
same text and the same split, and only in rows that name the published row they reproduce.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sedd.config.table import (
    BaselineRow,
    Column,
    Metric,
    OurRow,
    PublishedRow,
    TableConfig,
    load_table,
    reproduced,
)
from sedd.errors import DataError
from sedd.report.collect import Evaluation, Evaluations, Unigram, table_evaluations

Origin = Literal["published", "ours", "baseline"]
Verdict = Literal["matches", "better", "worse", "other split"]
NOT_RUN = "not run"
NOT_PUBLISHED = "not published"


@dataclass(frozen=True)
class Quantity:
    """How a metric is read from an evaluation and printed. Smaller is better."""

    title: str
    decimals: int
    measured: Callable[[Evaluation], tuple[float, float]]
    unigram_text: Callable[[Unigram], float]
    unigram_train: Callable[[Unigram], float]


QUANTITIES: dict[Metric, Quantity] = {
    "perplexity": Quantity(
        title="perplexity a token",
        decimals=2,
        measured=lambda found: (found.perplexity, found.perplexity_standard_error),
        unigram_text=lambda unigram: unigram.text_perplexity,
        unigram_train=lambda unigram: unigram.train_perplexity,
    ),
    "bits_per_character": Quantity(
        title="bits per character",
        decimals=3,
        measured=lambda found: (found.bits_per_character, found.bits_per_character_standard_error),
        unigram_text=lambda unigram: unigram.text_bits_per_character,
        unigram_train=lambda unigram: unigram.train_bits_per_character,
    ),
}
PUBLISHED_DECIMALS = 2


@dataclass(frozen=True)
class Cell:
    """A number with its standard error, or, where `value` is None, why there is none.

    bound: the number is an upper bound. evaluation: where a number of ours was read.
    """

    decimals: int
    value: float | None = None
    bound: bool = False
    standard_error: float | None = None
    why_missing: str = ""
    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class Comparison:
    """Ours minus published, and that as a share of the published number. None: not run."""

    published: float
    difference: float | None
    relative: float | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Row:
    """Cells and comparisons stand in the order of the table's columns."""

    label: str
    size: str | None
    origin: Origin
    cells: list[Cell]
    comparisons: list[Comparison | None]
    compared_to: str | None = None


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
    return build_table(rename or name, config, table_evaluations(config))


def build_table(name: str, config: TableConfig, evaluations: Evaluations) -> Table:
    """Put each number into its cell.

    evaluations: by (experiment, step of the row or None, dataset).
    Raises DataError if one was measured in another vocabulary than the table's.
    """
    quantity = QUANTITIES[config.metric]
    rows = []
    for row in config.rows:
        if row.kind == "published":
            rows.append(_published(row, config))
        elif row.kind == "ours":
            rows.append(_ours(row, config, quantity, evaluations))
        else:
            rows.append(_baseline(row, config, quantity, evaluations))
    return Table(name, config, quantity, rows)


def verdict(ours: float, standard_error: float, published: float, tolerance: float) -> Verdict:
    """Whether ours reproduces the published number; smaller is better.

    It matches if it lies within the tolerance, a share of the published number, widened by two
    standard errors of ours.
    """
    difference = ours - published
    if abs(difference) <= tolerance * published + 2 * standard_error:
        return "matches"
    return "better" if difference < 0 else "worse"


def _published(row: PublishedRow, config: TableConfig) -> Row:
    cells = []
    for key in config.columns:
        if (found := row.values.get(key)) is None:
            cells.append(Cell(PUBLISHED_DECIMALS, why_missing=NOT_PUBLISHED))
        else:
            cells.append(Cell(PUBLISHED_DECIMALS, value=found.value, bound=found.bound))
    return Row(row.label, row.size, "published", cells, [None] * len(cells))


def _ours(row: OurRow, config: TableConfig, quantity: Quantity, evaluations: Evaluations) -> Row:
    cells, comparisons = [], []
    published = reproduced(row, config.rows)
    for key, column in config.columns.items():
        evaluation = _evaluation(row, column, config, evaluations)
        if evaluation is None:
            cell = Cell(quantity.decimals, why_missing=NOT_RUN)
        else:
            value, error = quantity.measured(evaluation)
            cell = Cell(quantity.decimals, value, evaluation.bound, error, evaluation=evaluation)
        cells.append(cell)
        found = published.values.get(key) if published else None
        comparisons.append(_compare(cell, found.value, column, config) if found else None)
    return Row(row.label, row.size, "ours", cells, comparisons, row.compare_to)


def _compare(cell: Cell, published: float, column: Column, config: TableConfig) -> Comparison:
    if cell.value is None or cell.evaluation is None:
        return Comparison(published, None, None, None)
    if cell.evaluation.split != column.split:
        return Comparison(published, None, None, "other split")
    assert config.tolerance is not None, "a table that compares has a tolerance"
    assert cell.standard_error is not None, "a measured number has a standard error"
    difference = cell.value - published
    judged = verdict(cell.value, cell.standard_error, published, config.tolerance)
    return Comparison(published, difference, difference / published, judged)


def _baseline(
    row: BaselineRow, config: TableConfig, quantity: Quantity, evaluations: Evaluations
) -> Row:
    score = quantity.unigram_text if row.kind == "unigram_text" else quantity.unigram_train
    cells = []
    for column in config.columns.values():
        evaluation = _evaluation(row, column, config, evaluations)
        if evaluation is None:
            cells.append(Cell(quantity.decimals, why_missing=NOT_RUN))
        else:
            value = score(evaluation.unigram)
            cells.append(Cell(quantity.decimals, value, evaluation=evaluation))
    return Row(row.label, row.size, "baseline", cells, [None] * len(cells))


def _evaluation(
    row: OurRow | BaselineRow, column: Column, config: TableConfig, evaluations: Evaluations
) -> Evaluation | None:
    found = evaluations[row.experiment, row.step, column.dataset]
    if found is not None and found.tokenizer != config.tokenizer:
        raise DataError(
            f"row {row.label!r}, column {column.label!r}: {row.experiment} was measured with the "
            f"tokenizer {found.tokenizer!r}, the table is of {config.tokenizer!r}, and the two do "
            "not compare; choose another experiment for the row"
        )
    return found
