"""The commands that make the missing numbers of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sedd.config import AnyExperiment, Experiment, draw_settings, load_subject
from sedd.config.table import Column, OurRow, TableConfig
from sedd.report.table.numbers import last_step, row_label


class Valued(Protocol):
    """A cell of a table."""

    @property
    def value(self) -> float | None: ...


def missing_commands(row: OurRow, config: TableConfig, cells: Sequence[Valued]) -> list[str]:
    """One line for each kind of missing number in a row: its columns, and the command."""
    columns = [
        column
        for cell, column in zip(cells, config.columns.values(), strict=True)
        if cell.value is None
    ]
    if not columns:
        return []
    subject = load_subject(row.experiment)
    included = [column for column in columns if is_included(subject, row, column)]
    lines = []
    if included:
        labels = ", ".join(column.label for column in included)
        lines.append(f"{labels}: {command(subject)}")
    if others := [column for column in columns if column not in included]:
        labels = ", ".join(column.label for column in others)
        lines.append(f"{labels}: not part of {row.experiment}; {added(subject, row, others)}")
    return lines


def is_included(subject: AnyExperiment, row: OurRow, column: Column) -> bool:
    """Whether the experiment includes this measurement."""
    if column.dataset is not None:
        return column.dataset in subject.evaluation.datasets
    if column.steps is not None:
        return (row_label(subject, row), column.steps, row.precision) in draw_settings(subject)
    return column.task in subject.mauve.tasks


def command(subject: AnyExperiment) -> str:
    """The command that makes everything an experiment includes."""
    if isinstance(subject, Experiment):
        return f"sedd train {subject.name} && sedd evaluate {subject.name}"
    return f"sedd evaluate {subject.pretrained if '/' in subject.pretrained else subject.name}"


def added(subject: AnyExperiment, row: OurRow, columns: Sequence[Column]) -> str:
    """The command that measures `columns`, which the experiment does not list itself."""
    name = subject.name
    if datasets := [column.dataset for column in columns if column.dataset is not None]:
        options = " ".join(f"--dataset {dataset}" for dataset in datasets)
        return f"sedd perplexity {name} --step {last_step(name)} {options}"
    if any(column.steps is not None for column in columns):
        return f"add them to generative.steps, samplers and precisions in config/experiments/{name}.yaml"
    return f"sedd mauve {name} " + " ".join(f"--task {column.task}" for column in columns)
