"""Every measurement that an experiment asks for, of one checkpoint; current results are not made
again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sedd.checkpoints.language_model import LanguageModel
from sedd.checkpoints.open import open_run, require_model
from sedd.config import (
    AnyExperiment,
    DrawSetting,
    Identity,
    draw_settings,
    load_dataset,
    measured_steps,
    measuring_tokens,
    training_tokens,
    with_drawing,
)
from sedd.data.tokenize import tokenize_split
from sedd.errors import ConfigError, Problem
from sedd.evaluate.grid import judge_grid
from sedd.evaluate.judge import open_judge
from sedd.evaluate.likelihood import measure
from sedd.evaluate.mauve import measure_mauve, real_texts
from sedd.evaluate.measured_text import open_text
from sedd.paths import evaluation_file, mauve_file, samples_file, tokens_dir
from sedd.results import mauve, perplexity, samples
from sedd.results.record import Measurement, is_current
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import remove_partial
from sedd.sampling.draw import draw_samples, write_samples


def evaluate_all(
    experiment: AnyExperiment,
    step: int | None,
    world: World,
    on_result: Callable[[Path, Measurement], None],
    *,
    missing_only: bool = True,
) -> None:
    """Tokenize missing texts; then perplexities, samples with the judge's scores, and MAUVE.

    on_result: called with each new result and its path, in one of the processes.
    missing_only: keep results that were made with the same settings and weights.
    Raises DataError and CheckpointError, where possible before anything long.
    """
    check_asked(experiment)
    if world.is_first:
        require_model(experiment, step)
        tokenize_missing(experiment)
    world.broadcast(None)
    for dataset in experiment.evaluation.datasets:
        open_text(experiment, dataset)
    if experiment.mauve.tasks:
        real_texts(experiment)
    grid = draw_settings(experiment)
    judge = open_judge(experiment.generative.judge, world.device) if grid else None
    step = measured_steps(experiment)[-1] if step is None else step
    run = open_run(experiment, step, world.device)

    def keep(path: Path, identity: Identity) -> bool:
        current = missing_only and is_current(path, identity, run.checkpoint_sha256)
        return world.broadcast(current)

    def finish(path: Path, result: Measurement) -> None:
        if world.is_first:
            result.write(path)
            remove_partial(path)
            on_result(path, result)

    for dataset in experiment.evaluation.datasets:
        path = evaluation_file(experiment.name, step, dataset)
        if not keep(path, perplexity.KIND.identity(experiment)):
            finish(path, measure(run, dataset, world))
    for point in grid:
        path = samples_file(experiment.name, step, *point)
        if not keep(path, samples.KIND.identity(with_drawing(experiment, point))):
            draw_point(run, point, path, world)
    if judge is not None:
        for path, result in judge_grid(experiment, step, judge, world):
            on_result(path, result)
    for task in experiment.mauve.tasks:
        path = mauve_file(experiment.name, step, task)
        if not keep(path, mauve.KIND.identity(experiment)):
            same = judge is not None and judge.name == experiment.mauve.featurizer
            featurizer = (
                judge if same and judge else open_judge(experiment.mauve.featurizer, world.device)
            )
            finish(path, measure_mauve(run, task, featurizer, world))


def check_asked(experiment: AnyExperiment) -> None:
    """Raise ConfigError if the settings list nothing to measure."""
    if not (experiment.evaluation.datasets or draw_settings(experiment) or experiment.mauve.tasks):
        what = (
            f"{experiment.name} lists nothing to measure: set evaluation.datasets, generative.steps "
            "or mauve.tasks, e.g. evaluation.datasets=[wiki] --name NEW"
        )
        raise ConfigError("command line", [Problem("NAME", what)])


def tokenize_missing(experiment: AnyExperiment) -> None:
    """Tokenize every split that is measured, or whose frequencies make a baseline."""
    for dataset, tokenizer, split in itertools.chain(
        training_tokens(experiment)[:1], measuring_tokens(experiment)
    ):
        folder = tokens_dir(dataset, tokenizer, split)
        with progress(f"tokenize {dataset}/{tokenizer}/{split}", None, "document") as bar:
            tokenize_split(load_dataset(dataset), tokenizer, split, folder, on_progress=bar.update)


def draw_point(run: LanguageModel, point: DrawSetting, path: Path, world: World) -> None:
    """Draw and write the texts of one point of the grid."""
    experiment = with_drawing(run.experiment, point)
    texts = draw_samples(
        replace(run, experiment=experiment), seed=experiment.seed, out=path, world=world
    )
    if world.is_first:
        write_samples(texts, path)
    world.broadcast(None)  # no process judges the texts before they are written
