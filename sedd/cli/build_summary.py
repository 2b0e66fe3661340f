"""What a finished build has found, in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sedd.config import Experiment, checkpoint_steps
from sedd.errors import SeddError
from sedd.paths import index_page_file, sweep_stem, table_stem
from sedd.registry import OBJECTIVES
from sedd.results import infill, perplexity, samples
from sedd.results.perplexity import PerplexityResult

if TYPE_CHECKING:
    from sedd.workflow import Build

WIDTH = 100


def summary(build: Build) -> list[str]:
    """Each model's score beside that of token frequencies alone, two texts, and what to try next."""
    scores = {
        name: score for name in build.compared if (score := _score(build.trained[name])) is not None
    }
    width = max(map(len, scores), default=0)
    lines = [_score_line(name.ljust(width), score) for name, score in scores.items()]
    shown = _best_absorbing(build, scores)
    if shown is not None:
        lines += ["", *_texts(shown)]
    for sweep in build.sweeps:
        lines += ["", *sweep_summary(sweep)]
    page = index_page_file()
    lines += ["", *([f"Open    {page}"] if page.is_file() else [])]
    if build.tables:
        lines.append(f"Tables  {table_stem('*')}.md")
    if shown is not None:
        lines.append(f"Try     sedd sample {shown.name} --watch")
        lines.append(f"        sedd train {shown.name} training.steps=4000 --name longer")
    return lines


def sweep_summary(sweep: str) -> list[str]:
    """The table of a sweep, and where its page is."""
    table, page = (sweep_stem(sweep).with_name(f"{sweep}.{form}") for form in ("md", "html"))
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    return [*lines, "", f"Open    {page}"] if page.is_file() else lines


def _score(experiment: Experiment) -> PerplexityResult | None:
    """The score on the training dataset, or else on the first text that was measured."""
    names = experiment.evaluation.datasets
    own = [name for name in names if name == experiment.data.dataset]
    for dataset in (own or list(names))[:1]:
        return perplexity.read(experiment.name, checkpoint_steps(experiment)[-1], dataset)
    return None


def _score_line(name: str, score: PerplexityResult) -> str:
    unigram = score.unigram.train_bits_per_character or score.unigram.text_bits_per_character
    sign = "<=" if score.bound else "  "
    return (
        f"{name}  {sign} {score.bits_per_character:.2f} ± "
        f"{score.bits_per_character_standard_error:.2f} bits per character on {score.dataset}; "
        f"token frequencies alone: {unigram:.2f}"
    )


def _best_absorbing(build: Build, scores: dict[str, PerplexityResult]) -> Experiment | None:
    """The model to show: of those that write around given text, the one with the best score."""
    fit = [
        build.trained[name]
        for name in scores
        if not OBJECTIVES[build.trained[name].objective.type].left_to_right
        and build.trained[name].graph is not None
    ]
    return min(fit, key=lambda one: scores[one.name].bits_per_character, default=None)


def _infills(experiment: Experiment) -> list[str]:
    if not experiment.sampling.infill:
        return []
    return [one.text for one in samples.read(Path(infill.file_of(experiment)))]


def _texts(experiment: Experiment) -> Iterator[str]:
    """A text that the build drew, and the templates that it filled in."""
    path = samples.file_of(experiment, checkpoint_steps(experiment)[-1])
    try:
        free = samples.read(Path(path), 1)[0].text
        filled = _infills(experiment)
    except (OSError, SeddError):
        return
    yield f"{experiment.name} writes"
    yield f"  {' '.join(free.split())[:WIDTH]} ..."
    for template, text in zip(experiment.sampling.infill, filled, strict=False):
        yield f"and makes of: {template}"
        yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
