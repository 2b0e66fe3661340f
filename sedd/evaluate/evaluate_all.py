"""Every measurement that an experiment asks for, of one checkpoint; current results are not made
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from sedd.checkpoints.language_model import LanguageModel
from sedd.checkpoints.open import open_language_model, require_model
from sedd.config import (
    AnyExperiment,
    DrawSetting,
    Identity,
    draw_settings,
    measured_steps,
    measuring_seed,
    measuring_tokens,
    training_tokens,
    with_drawing,
)
from sedd.data.tokenize import tokenize_needed
from sedd.errors import ConfigError, Problem
from sedd.evaluate.grid import judge_grid
from sedd.evaluate.judge import open_judge
from sedd.evaluate.likelihood import measure
from sedd.evaluate.mauve import measure_mauve, real_texts
from sedd.evaluate.measured_text import open_text
from sedd.paths import evaluation_file, mauve_file, samples_file
from sedd.results import mauve, perplexity, samples
from sedd.results.record import Measurement, is_current
from sedd.runtime.distributed import World
from sedd.runtime.resumable import only_writer
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
        # what is measured, and the text whose frequencies make a baseline
        tokenize_needed([*training_tokens(experiment)[:1], *measuring_tokens(experiment)])
    world.broadcast(None)
    for dataset in experiment.evaluation.datasets:
        open_text(experiment, dataset)
    if experiment.mauve.tasks:
        real_texts(experiment)
    grid = draw_settings(experiment)
    judge = open_judge(experiment.generative.judge, world.device) if grid else None
    step = measured_steps(experiment)[-1] if step is None else step
    run = open_language_model(experiment, step, world.device)

    def keep(path: Path, identity: Identity) -> bool:
        made_with = run.checkpoint_sha256, run.tokenizer.sha256
        current = missing_only and is_current(path, identity, *made_with)
        return world.broadcast(current)

    def make(path: Path, measured: Callable[[], Measurement]) -> None:
        with only_writer(path, world):
            result = measured()
            if world.is_first:
                result.write(path)
                on_result(path, result)

    for dataset in experiment.evaluation.datasets:
        path = evaluation_file(experiment.name, step, dataset)
        if not keep(path, perplexity.KIND.identity(experiment)):
            make(path, partial(measure, run, dataset, world))
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
            make(path, partial(measure_mauve, run, task, featurizer, world))


def check_asked(experiment: AnyExperiment) -> None:
    """Raise ConfigError if the settings list nothing to measure."""
    if not (experiment.evaluation.datasets or draw_settings(experiment) or experiment.mauve.tasks):
        what = (
            f"{experiment.name} lists nothing to measure: set evaluation.datasets, generative.steps "
            "or mauve.tasks, e.g. evaluation.datasets=[wiki] --name NEW"
        )
        raise ConfigError("command line", [Problem("NAME", what)])


def draw_point(run: LanguageModel, point: DrawSetting, path: Path, world: World) -> None:
    """Draw and write the texts of one point of the grid."""
    experiment = with_drawing(run.experiment, point)
    with only_writer(path, world):
        texts = draw_samples(
            replace(run, experiment=experiment),
            seed=measuring_seed(experiment),
            out=path,
            world=world,
        )
        if world.is_first:
            write_samples(texts, path)
    world.broadcast(None)  # no process judges the texts before they are written
