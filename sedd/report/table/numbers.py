"""The measurements that a table needs, read from results/."""

from __future__ import annotations

from collections.abc import Mapping

from sedd.config import AnyExperiment, load_subject, measured_steps
from sedd.config.sections.grid_sampler import point_of
from sedd.config.table import BaselineRow, Column, OurRow, TableConfig
from sedd.results import generative, mauve, perplexity
from sedd.results.record import Measurement

# by the index of the row and the name of the column; None if there is no result yet
Numbers = Mapping[tuple[int, str], Measurement | None]


def table_numbers(table: TableConfig) -> Numbers:
    """The measurement of every cell, at the row's step or the last checkpoint. Raises DataError."""
    return {
        (index, name): _number(row, column)
        for index, row in enumerate(table.rows)
        if row.kind != "published"
        for name, column in table.columns.items()
    }


def last_step(experiment: str) -> int:
    """The step of the last checkpoint of a finished run."""
    return measured_steps(load_subject(experiment))[-1]


def row_label(subject: AnyExperiment, row: OurRow) -> str:
    """The label of the sampler of a row."""
    point = point_of(row.sampler)
    return subject.sampling.label(point.sampler, point.given())


def _number(row: OurRow | BaselineRow, column: Column) -> Measurement | None:
    step = row.step if row.step is not None else last_step(row.experiment)
    if column.dataset is not None:
        return perplexity.read(row.experiment, step, column.dataset)
    if row.kind != "ours":
        return None
    if column.steps is not None:
        subject = load_subject(row.experiment)
        drawn = row_label(subject, row), column.steps, row.precision
        return generative.read(row.experiment, step, subject.generative.judge, drawn)
    assert column.task is not None, "a column names a dataset, a number of steps or a task"
    return mauve.read(row.experiment, step, column.task)
