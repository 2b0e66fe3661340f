"""How good a run's own texts are: their perplexity under another model, their entropy, and MAUVE. Read from results."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from pydantic import Field

from sedd.config import Experiment, checkpoint_steps
from sedd.paths import run_dir
from sedd.report.collect import Provenance, Record, parse
from sedd.report.figures import Figure, Line


class GenerativeScore(Record):
    """Samples of one checkpoint by one sampler, read by a judge model."""

    experiment: str
    step: int
    judge: str
    sampler: str
    steps: int
    precision: str
    corpus_perplexity: float = Field(gt=0)
    entropy_nats: float = Field(ge=0)
    num_sequences: int
    provenance: Provenance


class MauveScore(Record):
    """How near the distribution of samples is to that of real texts: 1 is alike."""

    mauve: float = Field(ge=0, le=1)
    featurizer: str
    num_references: int
    provenance: Provenance


def generative_scores(experiment: Experiment) -> list[GenerativeScore]:
    """By judge, sampler, precision, checkpoint and number of steps. Raises DataError for a malformed file."""
    steps = checkpoint_steps(experiment)
    found = [
        parse(GenerativeScore, path.read_bytes(), f"{path}")
        for step in steps
        for path in run_dir(experiment.name).glob(f"eval/step_{step}/generative/*/*.json")
    ]
    return sorted(
        found, key=lambda one: (one.judge, one.sampler, one.precision, one.step, one.steps)
    )


def mauve_scores(experiment: Experiment) -> list[tuple[int, str, MauveScore]]:
    """With checkpoint and kind: standard or infill."""
    return [
        (step, path.stem, parse(MauveScore, path.read_bytes(), f"{path}"))
        for step in checkpoint_steps(experiment)
        for path in sorted(run_dir(experiment.name).glob(f"eval/step_{step}/mauve/*.json"))
    ]


def quality_figures(runs: dict[str, list[GenerativeScore]]) -> list[Figure]:
    """Generative perplexity and entropy against denoising steps, of each run's newest checkpoint that was judged."""
    kinds = (
        ("generative", "Generative perplexity", "corpus_perplexity", "perplexity under the judge"),
        ("entropy", "Entropy of the samples", "entropy_nats", "nats, of a text's token counts"),
    )
    return [
        Figure(
            name=name,
            title=title,
            description=f"{title} against the number of denoising steps",
            x_label="denoising steps",
            y_label=label,
            lines=_lines(runs, column),
            is_log_x=True,
            is_log_y=name == "generative",
            is_wide=False,
        )
        for name, title, column, label in kinds
    ]


def _lines(runs: dict[str, list[GenerativeScore]], column: str) -> list[Line]:
    lines = []
    for run, scores in runs.items():
        newest = max((one.step for one in scores), default=None)
        ours = [one for one in scores if one.step == newest]
        for kind, group in groupby(ours, key=lambda one: (one.judge, one.sampler, one.precision)):
            found = list(group)
            judge, sampler, precision = kind
            name = f"{run}, " if len(runs) > 1 else ""
            lines.append(
                Line(
                    label=f"{name}{sampler}, {precision}, {judge}",
                    x=np.array([one.steps for one in found]),
                    y=np.array([getattr(one, column) for one in found]),
                    colour=len(lines),
                    is_marked=True,
                    run=run,
                )
            )
    return lines
