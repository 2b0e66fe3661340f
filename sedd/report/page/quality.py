"""Figures of the quality of samples: generative perplexity and entropy against denoising steps."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from sedd.report.figure.content import Figure, Line
from sedd.results.generative import GenerativeResult


def quality_figures(runs: dict[str, list[GenerativeResult]]) -> list[Figure]:
    """Generative perplexity and entropy against denoising steps, for the newest judged checkpoint
    of each run.
    """
    kinds = (
        ("generative", "Generative perplexity", "corpus_perplexity", "perplexity under the judge"),
        (
            "entropy",
            "Entropy of the samples",
            "entropy_nats",
            "nats, of the token frequencies in a text",
        ),
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


def _lines(runs: dict[str, list[GenerativeResult]], column: str) -> list[Line]:
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
                    color=len(lines),
                    is_marked=True,
                    run=run,
                )
            )
    return lines
