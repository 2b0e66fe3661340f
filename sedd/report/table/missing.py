"""The commands that make the missing numbers of a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sedd.config import AnyExperiment, Experiment, draw_settings
from sedd.config.table import Column, OurRow
from sedd.report.table.impossible import why_impossible
from sedd.report.table.numbers import last_step, row_label


def missing_commands(row: OurRow, subject: AnyExperiment, columns: Sequence[Column]) -> list[str]:
    """One line for each kind of missing result in a row: its columns, and the command.

    subject: the experiment of the row. columns: those without a number.
    """
    reasons = [why_impossible(row, column, subject) for column in columns]
    possible = [column for column, why in zip(columns, reasons, strict=True) if why is None]
    if not possible:
        return list(dict.fromkeys(f"cannot be measured: {why[1]}" for why in reasons if why))
    label = row_label(subject, row)
    drawn = {point[1:] for point in draw_settings(subject) if point[0] == label}
    included = [column for column in possible if is_included(subject, row, column, drawn)]
    lines = []
    if included:
        labels = ", ".join(column.label for column in included)
        lines.append(f"{labels}: {command(subject)}")
    if others := [column for column in possible if column not in included]:
        labels = ", ".join(column.label for column in others)
        lines.append(f"{labels}: not part of {row.experiment}; {added(subject, row, others)}")
    return lines


def is_included(
    subject: AnyExperiment, row: OurRow, column: Column, drawn: Collection[tuple[int, str]]
) -> bool:
    """Whether the experiment includes this measurement.

    drawn: steps and precisions of the judged samples of the row's sampler.
    """
    if column.dataset is not None:
        return column.dataset in subject.evaluation.datasets
    if column.steps is not None:
        return (column.steps, row.precision) in drawn
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
