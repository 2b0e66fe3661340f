"""All that an experiment asks to be measured of one checkpoint, in one go; what is there and current is not made again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sedd.checkpoints.language_model import LanguageModel
from sedd.checkpoints.open import open_run
from sedd.config import (
    Drawn,
    Measured,
    drawings,
    load_dataset,
    measured_steps,
    measuring_tokens,
    training_tokens,
)
from sedd.data.tokenize import tokenize_split
from sedd.evaluate.grid import judge_grid
from sedd.evaluate.judge import open_judge
from sedd.evaluate.likelihood import measure
from sedd.evaluate.mauve import measure_mauve, real_texts
from sedd.evaluate.measured_text import open_text
from sedd.paths import evaluation_file, mauve_file, samples_file, tokens_dir
from sedd.runtime.atomic import write_json
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import remove_parts
from sedd.sampling.draw import draw_samples, with_sampling, write_samples

Tell = Callable[[Path, dict[str, Any]], None]


def evaluate_all(
    experiment: Measured, step: int | None, world: World, tell: Tell, *, missing_only: bool = True
) -> None:
    """Tokenise what is missing, then perplexities, texts with what the judge says of them, and MAUVE.

    tell: is given each number's file and content, in one of the processes. missing_only: leave what is there and was made
    with the same settings and weights. Raises DataError and CheckpointError, where possible before anything long.
    """
    if world.is_first:
        tokenize_missing(experiment)
    world.broadcast(None)
    for dataset in experiment.evaluation.datasets:
        open_text(experiment, dataset)
    if experiment.mauve.tasks:
        real_texts(experiment)
    grid = drawings(experiment)
    judge = open_judge(experiment.generative.judge, world.device) if grid else None
    step = measured_steps(experiment)[-1] if step is None else step
    run = open_run(experiment, step, world.device)

    def leave(path: Path, made_by: LanguageModel = run) -> bool:
        return world.broadcast(missing_only and is_current(path, made_by))

    def finish(path: Path, content: dict[str, Any]) -> None:
        if world.is_first:
            write_json(path, content)
            remove_parts(path)
            tell(path, content)

    for dataset in experiment.evaluation.datasets:
        path = evaluation_file(experiment.name, step, dataset)
        if not leave(path):
            finish(path, measure(run, dataset, world))
    for point in grid:
        draw_missing(run, point, world, leave)
    if judge is not None:
        for path, content in judge_grid(experiment, step, judge, world):
            tell(path, content)
    for task in experiment.mauve.tasks:
        path = mauve_file(experiment.name, step, task)
        if not leave(path):
            same = judge is not None and judge.name == experiment.mauve.featurizer
            featurizer = (
                judge if same and judge else open_judge(experiment.mauve.featurizer, world.device)
            )
            finish(path, measure_mauve(run, task, featurizer, world))


def tokenize_missing(experiment: Measured) -> None:
    """Every split that is measured, or that a baseline counts, as `sedd tokenize` does it."""
    for dataset, tokenizer, split in itertools.chain(
        training_tokens(experiment)[:1], measuring_tokens(experiment)
    ):
        folder = tokens_dir(dataset, tokenizer, split)
        with progress(f"tokenize {dataset}/{tokenizer}/{split}", None, "document") as bar:
            tokenize_split(load_dataset(dataset), tokenizer, split, folder, on_progress=bar.update)


def draw_missing(
    run: LanguageModel, point: Drawn, world: World, leave: Callable[[Path, LanguageModel], bool]
) -> None:
    """The texts of one point of the grid."""
    sampler, steps, precision = point
    experiment = with_sampling(run.experiment, sampler=sampler, steps=steps, precision=precision)
    asked = replace(run, experiment=experiment)
    path = samples_file(experiment.name, run.step, sampler, steps, precision)
    if leave(path, asked):
        return
    texts = draw_samples(asked, seed=experiment.seed, out=path, world=world)
    if world.is_first:
        write_samples(texts, path)
    world.broadcast(None)  # that they are there, before any process judges them


def is_current(path: Path, run: LanguageModel) -> bool:
    """Whether a JSON, or the first line of a file of them, was made with this run's weights and settings."""
    if not path.is_file():
        return False
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text.splitlines()[0] if path.suffix == ".jsonl" else text)
        made = content["provenance"]
    except (ValueError, KeyError, IndexError):
        return False
    now = run.provenance(run.experiment.seed, 0.0)
    return all(made.get(key) == now[key] for key in ("config_sha256", "checkpoint_sha256"))
