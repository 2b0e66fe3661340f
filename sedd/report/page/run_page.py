"""One page a run, with everything inside: it opens from disk and asks no network.

A part that is not there yet says so, so that a page can be made while the run is still training.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from sedd.config import Experiment, checkpoint_steps
from sedd.paths import checkpoint_file, metrics_file, run_dir, sample_log, trace_stem
from sedd.report.figure.figure import METRICS, Figure, loss_figure, metric_figure, perplexity_figure
from sedd.report.figure.interactive import bokeh_script, embedded
from sedd.report.page.denoising import Denoising, denoising
from sedd.report.page.origin import origin
from sedd.report.page.page import own_script, write_page
from sedd.report.page.perplexities import Failure, Perplexities, failure, last_numbers, perplexities
from sedd.report.page.quality import quality_figures
from sedd.report.page.samples import shown_samples
from sedd.report.page.settings import (
    asked_samples,
    changed_since_training,
    commands,
    preset,
    settings_of,
)
from sedd.results.curves import run_metrics
from sedd.results.generative import read_all as read_all_generative
from sedd.results.mauve import read_all as read_all_mauve
from sedd.results.metrics import curve
from sedd.results.trace import read_trace
from sedd.runtime.atomic import write_json


@dataclass(frozen=True)
class Progress:
    """How far a run has come, in optimiser steps.

    trained: the last step that was logged. heard_of: when the trainer last wrote a line, UTC; None if it has not.
    """

    trained: int
    total: int
    checkpoints: list[int]
    heard_of: str | None

    @property
    def is_finished(self) -> bool:
        return self.total in self.checkpoints


def write_report(experiment: Experiment, out: Path) -> Path:
    """Write the page of a run to `out` and its numbers beside it as JSON, whole or not at all; return the page.

    A measurement that failed, or left a malformed file, is shown as such. Raises DataError that names the file if the metrics
    or samples are malformed.
    """
    metrics = run_metrics(experiment)
    progress = run_progress(experiment, metrics)
    numbers = perplexities(experiment)
    scores, alike = read_all_generative(experiment), read_all_mauve(experiment)
    figures = run_figures(experiment, metrics, numbers)
    texts = shown_samples(experiment)
    made_from = preset(experiment)
    traces = run_traces(experiment)
    provenances = [
        *(found.provenance for found in numbers.evaluations),
        *(found.provenance for found in scores),
        *(found.provenance for found in alike),
    ]
    write_json(out.with_suffix(".json"), last_numbers(numbers.evaluations))
    drawn = [figure for figure in figures if figure]
    scripts = [bokeh_script(), own_script("figures")] if drawn else []
    scripts += [own_script("denoise")] if traces else []
    return write_page(
        "run.html",
        out,
        scripts=[*scripts, own_script("sort")],
        experiment=experiment,
        progress=progress,
        figures={figure.name: figure for figure in figures},
        embedded=embedded(drawn) if drawn else None,
        losses=_losses(metrics),
        measured=numbers,
        scores=scores,
        alike=alike,
        galleries=texts.galleries,
        infills=texts.infills,
        failed_samples=_failed_samples(experiment),
        traces=traces,
        settings=settings_of(experiment, made_from[1] if made_from else None),
        preset=made_from[0] if made_from else None,
        edited=changed_since_training(experiment),
        origin=origin(experiment, metrics, provenances),
        commands=commands(
            experiment, progress.checkpoints[-1] if progress.checkpoints else progress.total
        ),
        run_dir=run_dir(experiment.name),
    )


def run_figures(
    experiment: Experiment, metrics: pd.DataFrame, numbers: Perplexities
) -> list[Figure]:
    """The pictures of a run; false if they have nothing to show."""
    name = experiment.name
    return [
        loss_figure({name: metrics}),
        *(metric_figure({name: metrics}, column) for column in METRICS),
        perplexity_figure({name: numbers.evaluations}),
        *quality_figures({name: read_all_generative(experiment)}),
    ]


def run_progress(experiment: Experiment, metrics: pd.DataFrame) -> Progress:
    steps, path = checkpoint_steps(experiment), metrics_file(experiment.name)
    present = [step for step in steps if checkpoint_file(experiment.name, step).exists()]
    logged = max(metrics["step"].tolist(), default=0)
    heard_of = None
    if path.is_file():
        moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        heard_of = f"{moment:%Y-%m-%d %H:%M} UTC"
    return Progress(max([logged, *present]), steps[-1], present, heard_of)


def run_traces(experiment: Experiment) -> list[Denoising]:
    """The traces of the newest checkpoint that has any. Raises DataError for a malformed one."""
    for step in reversed(checkpoint_steps(experiment)):
        folder = trace_stem(experiment.name, step, "x", 1).parent
        if found := sorted(folder.glob("trace_*.json")):
            return [denoising(read_trace(path), path) for path in found]
    return []


def _failed_samples(experiment: Experiment) -> Iterable[tuple[int, Failure]]:
    """Checkpoints whose samples were tried and are not there."""
    failed = []
    for step in checkpoint_steps(experiment):
        samples = asked_samples(experiment, step)
        found = failure(sample_log(experiment.name, step, samples.stem))
        if found and not samples.exists():
            failed.append((step, found))
    return failed


def _losses(metrics: pd.DataFrame) -> dict[str, dict[str, float] | None]:
    """The last training line and the last validation line, for those who do not see the picture."""
    columns = {"train": [], "validation": ["standard_error"]}
    found = {kind: curve(metrics, kind, "loss_nats_per_token", *columns[kind]) for kind in columns}
    return {
        kind: None if lines.empty else lines.iloc[-1].to_dict() for kind, lines in found.items()
    }
