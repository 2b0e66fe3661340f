"""The comparison page: different settings of runs, their numbers, and their curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sedd.config import Experiment
from sedd.paths import report_file
from sedd.report.figure.content import (
    COLORS,
    METRICS,
    loss_figure,
    metric_figure,
    perplexity_figure,
)
from sedd.report.figure.interactive import bokeh_script, embedded
from sedd.report.page.perplexities import perplexities
from sedd.report.page.quality import quality_figures
from sedd.report.page.settings_table import settings_of
from sedd.report.page.write_page import own_script, write_page
from sedd.results.curves import run_metrics
from sedd.results.generative import read_all as read_all_generative


@dataclass(frozen=True)
class Difference:
    """A setting with different values in at least two runs.

    values: in the order of the runs; None for a run without this key.
    """

    key: str
    values: list[str | None]
    meaning: str


def write_comparison(experiments: Sequence[Experiment], out: Path) -> Path:
    """Write the page to `out` and return `out`. Raises DataError for malformed metrics."""
    names = [experiment.name for experiment in experiments]
    metrics = {experiment.name: run_metrics(experiment) for experiment in experiments}
    measured = {experiment.name: perplexities(experiment) for experiment in experiments}
    figures = [
        loss_figure(metrics),
        perplexity_figure({name: of_run.evaluations for name, of_run in measured.items()}),
        *(metric_figure(metrics, column) for column in METRICS),
        *quality_figures({one.name: read_all_generative(one) for one in experiments}),
    ]
    figures = [figure for figure in figures if figure]
    return write_page(
        "compare.html",
        out,
        scripts=[
            *([bokeh_script(), own_script("figures")] if figures else []),
            *(own_script(name) for name in ("compare", "sort")),
        ],
        runs=[
            (name, number % len(COLORS), report_file(name).is_file())
            for number, name in enumerate(names)
        ],
        differences=differences(experiments),
        measured=measured,
        figures=figures,
        embedded=embedded(figures) if figures else None,
    )


def differences(experiments: Sequence[Experiment]) -> list[Difference]:
    """The settings in which the runs differ, in the order of the sections in the YAML file."""
    by_run = [{one.key: one for one in settings_of(experiment)} for experiment in experiments]
    keys = dict.fromkeys(key for settings in by_run for key in settings)
    different = []
    for key in keys:
        lines = [settings.get(key) for settings in by_run]
        values = [line.value if line else None for line in lines]
        if len(set(values)) > 1:
            meaning = next(line.meaning for line in lines if line)
            different.append(Difference(key, values, meaning))
    return different
