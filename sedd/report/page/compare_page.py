"""Runs side by side: the settings in which they differ, and their curves on one plot, to be picked on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sedd.config import Experiment
from sedd.paths import report_file
from sedd.report.figure.figure import (
    COLOURS,
    METRICS,
    loss_figure,
    metric_figure,
    perplexity_figure,
)
from sedd.report.figure.interactive import bokeh_script, embedded
from sedd.report.page.page import own_script, write_page
from sedd.report.page.perplexities import perplexities
from sedd.report.page.quality import quality_figures
from sedd.report.page.settings import settings_of
from sedd.results.curves import run_metrics
from sedd.results.generative import read_all as read_all_generative


@dataclass(frozen=True)
class Difference:
    """A setting that is not the same in all runs. values: in the order of the runs; None where a run has no such key."""

    key: str
    values: list[str | None]
    meaning: str


def write_comparison(experiments: Sequence[Experiment], out: Path) -> Path:
    """Write the page of these runs. Raises DataError that names the file if metrics are malformed."""
    names = [experiment.name for experiment in experiments]
    metrics = {experiment.name: run_metrics(experiment) for experiment in experiments}
    numbers = {experiment.name: perplexities(experiment) for experiment in experiments}
    figures = [
        loss_figure(metrics),
        perplexity_figure({name: found.evaluations for name, found in numbers.items()}),
        *(metric_figure(metrics, column) for column in METRICS),
        *quality_figures({one.name: read_all_generative(one) for one in experiments}),
    ]
    drawn = [figure for figure in figures if figure]
    return write_page(
        "compare.html",
        out,
        scripts=[
            *([bokeh_script(), own_script("figures")] if drawn else []),
            *(own_script(name) for name in ("compare", "sort")),
        ],
        runs=[
            (name, COLOURS[number % len(COLOURS)], report_file(name).is_file())
            for number, name in enumerate(names)
        ],
        differences=differences(experiments),
        measured=numbers,
        figures=drawn,
        embedded=embedded(drawn) if drawn else None,
    )


def differences(experiments: Sequence[Experiment]) -> list[Difference]:
    """The settings in which the runs differ, in the order of the file's sections."""
    of_runs = [{line.key: line for line in settings_of(one)} for one in experiments]
    keys = dict.fromkeys(key for lines in of_runs for key in lines)
    found = []
    for key in keys:
        lines = [of_run.get(key) for of_run in of_runs]
        values = [line.value if line else None for line in lines]
        if len(set(values)) > 1:
            meaning = next(line.meaning for line in lines if line)
            found.append(Difference(key, values, meaning))
    return found
