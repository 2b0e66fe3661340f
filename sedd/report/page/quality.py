"""How good a run's own texts are: their perplexity under another model, their entropy, and MAUVE."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from sedd.config import Experiment, checkpoint_steps
from sedd.paths import run_dir
from sedd.report.figure.figure import Figure, Line
from sedd.results.collect import Judgement, Resemblance, parse


def judgements(experiment: Experiment) -> list[Judgement]:
    """By judge, sampler, precision, checkpoint and number of steps. Raises DataError for a malformed file."""
    found = [
        parse(Judgement, path.read_bytes(), f"{path}")
        for step in checkpoint_steps(experiment)
        for path in run_dir(experiment.name).glob(f"eval/step_{step}/generative/*/*.json")
    ]
    return sorted(
        found, key=lambda one: (one.judge, one.sampler, one.precision, one.step, one.steps)
    )


def resemblances(experiment: Experiment) -> list[Resemblance]:
    """By checkpoint and task. Raises DataError for a malformed file."""
    return [
        parse(Resemblance, path.read_bytes(), f"{path}")
        for step in checkpoint_steps(experiment)
        for path in sorted(run_dir(experiment.name).glob(f"eval/step_{step}/mauve/*.json"))
    ]


def quality_figures(runs: dict[str, list[Judgement]]) -> list[Figure]:
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


def _lines(runs: dict[str, list[Judgement]], column: str) -> list[Line]:
    lines = []
    for run, scores in runs.items():
        newest = max((one.step for one in scores), default=None)
        ours = [one for one in scores if one.step == newest]
        for kind, group in groupby(ours, key=lambda one: (one.judge, one.sampler, one.precision)):
            found = list(group)
            y, room = (
                np.array([getattr(one, f"{column}{suffix}", np.nan) for one in found])
                for suffix in ("", "_standard_error")
            )
            has_errors = not np.isnan(room).any()
            judge, sampler, precision = kind
            name = f"{run}, " if len(runs) > 1 else ""
            lines.append(
                Line(
                    label=f"{name}{sampler}, {precision}, {judge}",
                    x=np.array([one.steps for one in found]),
                    y=y,
                    low=np.maximum(y - 2 * room, y * 0.01) if has_errors else None,
                    high=y + 2 * room if has_errors else None,
                    colour=len(lines),
                    is_marked=True,
                    run=run,
                )
            )
    return lines
