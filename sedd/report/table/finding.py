"""What a table of generative perplexities shows: whether a sampler parts from the default one.

Samplers are compared at equal cost: a sampler may take at most as many network calls as the default
sampler, and a twentieth more. Two numbers part if they differ by more than two standard errors of
their difference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from sedd.registry import DEFAULT_SAMPLER
from sedd.report.table.fill import Table
from sedd.results.generative import GenerativeResult

MORE_CALLS = 1.05
NUM_ERRORS = 2.0


@dataclass(frozen=True)
class Point:
    """One judged file of samples: its value with a standard error, and the mean network calls."""

    sampler: str
    calls: float
    value: float
    error: float
    entropy_bits: float

    def parts_from(self, other: Point) -> bool:
        return abs(self.value - other.value) > NUM_ERRORS * math.hypot(self.error, other.error)

    def __str__(self) -> str:
        return (
            f"{self.value:.2f} ± {self.error:.2f} by {self.sampler} ({self.calls:.1f} calls, entropy "
            f"{self.entropy_bits:.2f} bits)"
        )


def findings(table: Table) -> list[str]:
    """One sentence for each experiment with several samplers, computed from its numbers."""
    return [
        f"{experiment}: {_finding(points)}"
        for experiment, points in _points(table).items()
        if {point.sampler for point in points} > {DEFAULT_SAMPLER}
    ]


def _points(table: Table) -> dict[str, list[Point]]:
    """The points of exact draws, by experiment."""
    points: dict[str, list[Point]] = defaultdict(list)
    for row in table.rows:
        for cell in row.cells:
            result = cell.evaluation
            if (
                isinstance(result, GenerativeResult)
                and result.precision == "float64"
                and result.network_calls is not None
                and cell.value is not None
            ):
                points[result.experiment].append(
                    Point(
                        result.sampler,
                        result.network_calls,
                        cell.value,
                        cell.standard_error or 0.0,
                        result.entropy_bits,
                    )
                )
    return points


def _finding(points: list[Point]) -> str:
    """The best sampler at the fewest calls at which any is better than the default sampler."""
    defaults = sorted(
        (point for point in points if point.sampler == DEFAULT_SAMPLER),
        key=lambda point: point.calls,
    )
    for default in defaults:
        allowed = [point for point in points if point.calls <= MORE_CALLS * default.calls]
        best = min(allowed, key=lambda point: point.value)
        if best.value < default.value and best.parts_from(default):
            return (
                f"at {default.calls:.0f} network calls, the lowest generative perplexity is {best}, "
                f"against {default}."
            )
    return (
        f"no sampler is better than {DEFAULT_SAMPLER} at as many network calls by more than "
        f"{NUM_ERRORS:g} standard errors of the difference."
    )
