"""Coverage of two standard errors, by simulation, for sequences that are alike to their neighbors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from sedd.results.standard_error import (
    NUM_GROUPS,
    STUDENT,
    group_error,
    group_means,
    mean_error,
    ratio_error,
)

REPEATS = 2000
# sequences measured by an experiment of the default build, and all test sequences of its texts
SIZES = {"measured": 128, "kjv": 1650, "wiki": 2090}


def neighbors(kind: str, size: int) -> np.ndarray:
    """(REPEATS, size) values of mean 0. All but `independent` double the error of the mean."""
    draws = np.random.default_rng(size)
    noise = draws.normal(size=(REPEATS, size))
    if kind == "independent":
        return noise
    if kind == "runs":  # each value keeps 0.6 of the last one
        values = noise.copy()
        values[:, 0] /= 0.8
        for i in range(1, size):
            values[:, i] += 0.6 * values[:, i - 1]
        return values
    starts = draws.random((REPEATS, size)) < 1 / 4  # documents of 4 sequences, as in wiki
    of_document = draws.normal(size=(REPEATS, size))
    effect = np.take_along_axis(of_document, starts.cumsum(1) - starts[:, :1], 1)
    return math.sqrt(0.45) * effect + math.sqrt(0.55) * noise


def coverage(values: np.ndarray, error) -> float:
    """Share of rows whose mean lies within two errors of 0."""
    ones = np.ones(values.shape[1])
    return float(np.mean([abs(row.mean()) < 2 * error(row, ones) for row in values]))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("kind", ["independent", "runs", "documents"])
def test_two_errors_of_groups_cover_the_mean_and_of_single_sequences_do_not(kind, size):
    values = neighbors(kind, size)
    assert coverage(values, group_error) > 0.90  # measured: 0.92 to 0.96
    single = coverage(values, ratio_error)
    assert single > 0.93 if kind == "independent" else single < 0.80


def test_few_sequences_have_an_honest_error_too():
    for size in (2, 3, 5, 10, 11):
        values = neighbors("independent", size)
        assert abs(coverage(values, group_error) - 0.9545) < 0.025


def test_a_single_value_has_no_error():
    one = np.ones(1)
    assert [group_error(one, one), ratio_error(one, one), mean_error(one)] == [None] * 3


def test_the_factors_are_quantiles_of_student():
    level = norm.cdf(2)
    assert np.allclose(STUDENT, t.ppf(level, range(1, NUM_GROUPS)) / 2, atol=2e-4)
    assert len(STUDENT) == NUM_GROUPS - 1


def test_groups_are_runs_of_neighbors_weighted_by_their_tokens():
    nats, tokens = np.arange(25.0), np.array([2.0] * 24 + [1.0])
    means = group_means(nats, tokens)
    assert means[0] == (0 + 1 + 2) / 6
    assert means[-1] == (23 + 24) / 3
    assert len(means) == NUM_GROUPS
    few = np.array([3.0, 5.0, 4.0])
    assert group_means(few, np.ones(3)).tolist() == few.tolist()
    assert group_error(few, np.ones(3)) == pytest.approx(STUDENT[1] * few.std(ddof=1) / 3**0.5)
