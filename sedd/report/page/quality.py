"""Figures of the quality of samples against network calls: generative perplexity, entropy, MAUVE."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from sedd.config import base_sampler
from sedd.registry import SAMPLERS
from sedd.report.figure.content import Figure, Line
from sedd.results.generative import GenerativeResult

ERRORS = {"perplexity": "perplexity_error", "entropy_nats": "entropy_nats_standard_error"}


def quality_figures(runs: dict[str, list[GenerativeResult]]) -> list[Figure]:
    """Generative perplexity, entropy and, if it was measured, MAUVE against the network calls per
    text, for the newest judged checkpoint of each run.
    """
    has_mauve = any(one.mauve is not None for scores in runs.values() for one in scores)
    kinds = (
        (
            "generative",
            "Generative perplexity",
            "perplexity",
            f"perplexity, {GenerativeResult.MEAN}",
        ),
        (
            "entropy",
            "Entropy of the samples",
            "entropy_nats",
            "nats, mean over texts",
        ),
        *([("judged_mauve", "MAUVE of the samples", "mauve", "MAUVE")] if has_mauve else []),
    )
    return [
        Figure(
            name=name,
            title=title,
            description=f"{title} against the number of network calls per text",
            x_label="network calls per text",
            y_label=label,
            lines=_lines(runs, column),
            is_log_x=True,
            is_log_y=name == "generative",
            is_wide=False,
        )
        for name, title, column, label in kinds
    ]


def _lines(runs: dict[str, list[GenerativeResult]], column: str) -> list[Line]:
    """One line for each judge, sampler and precision of a run. Results without counted network calls
    are left out.
    """
    lines = []
    for run, scores in runs.items():
        newest = max((one.step for one in scores), default=None)
        curves: dict[str, list[GenerativeResult]] = defaultdict(list)
        for one in scores:
            known = one.network_calls is not None and getattr(one, column) is not None
            if one.step == newest and known:
                curves[f"{_sampler(one)}, {one.precision}, {one.judge}"].append(one)
        for label, points in curves.items():
            found = sorted(points, key=lambda one: one.network_calls or 0.0)
            y, room = (
                np.array([getattr(one, name, None) for one in found], dtype=float)
                for name in (column, ERRORS.get(column, ""))
            )
            has_errors = not np.isnan(room).any()
            name = f"{run}, " if len(runs) > 1 else ""
            lines.append(
                Line(
                    label=f"{name}{label}",
                    x=np.array([one.network_calls for one in found]),
                    y=y,
                    low=np.maximum(y - 2 * room, y * 0.01) if has_errors else None,
                    high=y + 2 * room if has_errors else None,
                    color=len(lines),
                    is_marked=True,
                    run=run,
                )
            )
    return lines


def _sampler(result: GenerativeResult) -> str:
    """Name of the curve: a sampler without a choice of steps has a point for each of its options."""
    name = base_sampler(result.sampler)
    return name if SAMPLERS[name].one_step_per_token else result.sampler
