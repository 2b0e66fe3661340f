"""The measurements that a table needs, read from results/."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sedd.config import AnyExperiment, load_subject, measured_steps
from sedd.config.sections.grid_sampler import point_of
from sedd.config.table import BaselineRow, Column, OurRow, TableConfig
from sedd.errors import DataError
from sedd.results import checkpoint, generative, mauve, perplexity
from sedd.results.record import Measurement

# by the index of the row and the name of the column; one for each seed, as far as there are results
Numbers = Mapping[tuple[int, str], list[Measurement]]


def table_numbers(table: TableConfig) -> Numbers:
    """The measurement of every cell, at the row's step or the last checkpoint. Raises DataError."""
    for row in table.rows:
        if row.kind == "ours" and row.seeds:
            _check_seeds(row)
    subjects = cache(load_subject)  # a row asks for the same experiment in each column
    return {
        (index, name): [
            result
            for experiment in runs_of(row)
            if (result := _number(row, column, subjects(experiment))) is not None
        ]
        for index, row in enumerate(table.rows)
        if row.kind != "published"
        for name, column in table.columns.items()
    }


def runs_of(row: OurRow | BaselineRow) -> tuple[str, ...]:
    """The experiments of a row: several if they differ in their seed alone."""
    return row.experiment, *(row.seeds if row.kind == "ours" else ())


def _check_seeds(row: OurRow) -> None:
    """Raises DataError unless the runs of a row have one setting and different seeds."""
    settings, seeds = [], []
    for name in runs_of(row):
        subject = load_subject(name)
        identity = checkpoint.identity(subject)
        settings.append({key: value for key, value in identity.items() if key != "seed"})
        seeds.append(subject.seed)
    others = [name for name, one in zip(row.seeds, settings[1:], strict=True) if one != settings[0]]
    if others or len(set(seeds)) < len(seeds):
        what = f"other settings: {', '.join(others)}" if others else f"the seeds are {seeds}"
        raise DataError(
            f"row {row.label!r}: `seeds` must name experiments that differ from {row.experiment} in "
            f"their seed alone, each with its own; {what}"
        )


def last_step(experiment: str) -> int:
    """The step of the last checkpoint of a finished run."""
    return measured_steps(load_subject(experiment))[-1]


def row_label(subject: AnyExperiment, row: OurRow) -> str:
    """The label of the sampler of a row."""
    point = point_of(row.sampler)
    return subject.sampling.label(point.sampler, point.given())


def _number(
    row: OurRow | BaselineRow, column: Column, subject: AnyExperiment
) -> Measurement | None:
    experiment = subject.name
    step = row.step if row.step is not None else measured_steps(subject)[-1]
    if column.dataset is not None:
        return perplexity.read(experiment, step, column.dataset)
    if row.kind != "ours":
        return None
    if column.steps is not None:
        drawn = row_label(subject, row), column.steps, row.precision
        return generative.read(experiment, step, subject.generative.judge, drawn)
    assert column.task is not None, "a column names a dataset, a number of steps or a task"
    return mauve.read(experiment, step, column.task)
