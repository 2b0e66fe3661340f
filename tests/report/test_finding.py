"""The sentence about samplers follows from the numbers of the table."""

from __future__ import annotations

import pytest

from sedd.report.table.finding import Point, _finding


def point(sampler: str, calls: float, value: float, error: float = 0.1) -> Point:
    return Point(sampler, calls, value, error, 4.0)


ANALYTIC = [point("analytic", 8, 20.0), point("analytic", 32, 15.0), point("analytic", 128, 14.0)]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # better at 32 calls, and by more at 128: the fewest calls are named
        ([point("a", 32, 14.0), point("a", 128, 10.0)], "at 32 network calls, the lowest gener"),
        ([point("a", 8, 19.0), point("b", 7, 18.0)], "perplexity is 18.00 ± 0.10 by b (7.0 calls"),
        # more calls than the default sampler's, though less than its next point
        ([point("a", 31, 19.0)], "no sampler is better than analytic at as many network calls"),
        # within two errors of the difference, which are 0.28
        ([point("a", 8, 19.75)], "no sampler is better than analytic at as many network calls"),
        ([point("a", 8, 19.7)], "at 8 network calls"),
        ([point("a", 8, 25.0)], "no sampler is better than analytic at as many network calls"),
    ],
)
def test_the_best_sampler_at_the_fewest_calls_is_named(others: list[Point], expected: str) -> None:
    assert expected in _finding([*ANALYTIC, *others])
