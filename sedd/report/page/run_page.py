"""The page of one run, in one file that needs no network.

The page can be made during training: a part without results yet says so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sedd.config import Experiment, checkpoint_steps
from sedd.paths import run_dir, sample_log, trace_stem
from sedd.report.figure.content import (
    METRICS,
    Figure,
    loss_figure,
    metric_figure,
    perplexity_figure,
)
from sedd.report.figure.interactive import bokeh_script, embedded
from sedd.report.page.animation import Animation, animation
from sedd.report.page.commands import commands, configured_samples
from sedd.report.page.origin import origin
from sedd.report.page.perplexities import Failure, Perplexities, failure, last_numbers, perplexities
from sedd.report.page.quality import quality_figures
from sedd.report.page.run_progress import run_progress
from sedd.report.page.samples import shown_samples
from sedd.report.page.settings_table import changed_since_training, preset, settings_of
from sedd.report.page.write_page import own_script, write_page
from sedd.results.curves import run_metrics
from sedd.results.generative import read_all as read_all_generative
from sedd.results.mauve import read_all as read_all_mauve
from sedd.results.notes import made_by_other_code, problems
from sedd.results.trace import read_trace
from sedd.results.training_log import curve
from sedd.results.weights import earlier_files
from sedd.runtime.atomic import write_json


def write_report(experiment: Experiment, out: Path) -> Path:
    """Write the page of a run to `out` and its numbers to a JSON file beside it; return `out`.

    Both files are written atomically. The page lists failed and malformed measurements. Raises
    DataError with the file name for malformed metrics, samples or traces.
    """
    metrics = run_metrics(experiment)
    progress = run_progress(experiment, metrics)
    measured = perplexities(experiment)
    scores, mauves = read_all_generative(experiment), read_all_mauve(experiment)
    figures = run_figures(experiment, metrics, measured)
    samples = shown_samples(experiment)
    traces = run_traces(experiment)
    preset_name, preset_model = preset(experiment) or (None, None)
    provenances = [one.provenance for one in (*measured.evaluations, *scores, *mauves)]
    write_json(out.with_suffix(".json"), last_numbers(measured.evaluations))
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
        losses=_last_losses(metrics),
        measured=measured,
        scores=scores,
        mauves=mauves,
        galleries=samples.galleries,
        infills=samples.infills,
        failed_samples=_failed_samples(experiment),
        traces=traces,
        settings=settings_of(experiment, preset_model),
        preset=preset_name,
        edited=changed_since_training(experiment),
        earlier=sorted(earlier_files(experiment.name)),
        origin=origin(experiment, metrics, provenances),
        commands=commands(
            experiment, progress.checkpoints[-1] if progress.checkpoints else progress.total
        ),
        run_dir=run_dir(experiment.name),
        problems=problems(experiment.name),
        other_code=made_by_other_code(experiment.name),
    )


def run_figures(
    experiment: Experiment, metrics: pd.DataFrame, measured: Perplexities
) -> list[Figure]:
    """All figures of a run. A figure without numbers is false."""
    name = experiment.name
    return [
        loss_figure({name: metrics}),
        *(metric_figure({name: metrics}, column) for column in METRICS),
        perplexity_figure({name: measured.evaluations}),
        *quality_figures({name: read_all_generative(experiment)}),
    ]


def run_traces(experiment: Experiment) -> list[Animation]:
    """Traces of the newest checkpoint that has any. Raises DataError for a malformed trace."""
    earlier = earlier_files(experiment.name)
    for step in reversed(checkpoint_steps(experiment)):
        folder = trace_stem(experiment.name, step, "x", 1).parent
        if paths := sorted(set(folder.glob("trace_*.json")) - earlier):
            return [animation(read_trace(path), path) for path in paths]
    return []


def _failed_samples(experiment: Experiment) -> list[tuple[int, Failure]]:
    """Checkpoints without samples whose sampling failed."""
    failed = []
    for step in checkpoint_steps(experiment):
        samples = configured_samples(experiment, step)
        error = failure(sample_log(experiment.name, step, samples.stem))
        if error and not samples.exists():
            failed.append((step, error))
    return failed


def _last_losses(metrics: pd.DataFrame) -> dict[str, dict[str, float] | None]:
    """Last training and last validation loss as text, for readers who do not see the figure."""
    columns = {"train": [], "validation": ["standard_error"]}
    curves = {kind: curve(metrics, kind, "loss_nats_per_token", *columns[kind]) for kind in columns}
    return {
        kind: None if rows.empty else rows.iloc[-1].replace({np.nan: None}).to_dict()
        for kind, rows in curves.items()
    }
