"""The order of an epoch of a large split: a permutation that looks random."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy import stats

from sedd.data.permutation import permuted

FALSE_ALARM = 1e-6
LARGE = 2**20 + 7


def plain(position: int, size: int, seed: int, rounds: int = 8) -> int:
    """The permutation in Python's integers."""

    def hash64(number: int, key: int) -> int:
        bits = (key + number * 0x9E3779B97F4A7C15) % 2**64
        bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
        return bits ^ bits >> 31

    side = math.ceil(math.sqrt(size))
    keys = [int(key) for key in np.random.PCG64(seed).random_raw(rounds)]
    while True:
        first, second = divmod(position, side)
        for key in keys:
            first, second = second, (first + hash64(second, key)) % side
        position = side * first + second
        if position < size:
            return position


def surprise(counts: np.ndarray) -> float:
    """P value of the chi-square test that all cells are equally likely."""
    return float(stats.chisquare(counts.ravel()).pvalue)


def pairs(seeds: range, positions: list[int], cells: int) -> np.ndarray:
    """How often the images of two positions fall into each pair of equal parts, over seeds."""
    images = np.array([permuted(positions, LARGE, seed) for seed in seeds])
    first, second = (images * cells // LARGE).T
    return np.bincount(first * cells + second, minlength=cells**2)


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_it_is_a_permutation_for_every_size(seed: int):
    for size in [*range(1, 100), 1023, 1024, 1025, 65_535, 65_537]:
        assert np.array_equal(np.sort(permuted(np.arange(size), size, seed)), np.arange(size))


@functools.cache
def order(seed: int) -> np.ndarray:
    """The order of a whole epoch."""
    return permuted(np.arange(LARGE), LARGE, seed)


def test_it_is_a_permutation_of_a_large_split():
    images = order(1)
    assert images.dtype == np.int64
    assert np.array_equal(np.bincount(images, minlength=LARGE), np.ones(LARGE))


@pytest.mark.parametrize("size", [1, 2, 5, 26, 1000, LARGE, 10**9, 10**15])
def test_it_equals_the_definition_in_plain_integers(size: int):
    positions = np.unique(np.linspace(0, size - 1, 50).astype(np.int64))
    expected = [plain(int(position), size, 3) for position in positions]
    assert permuted(positions, size, 3).tolist() == expected


def test_two_positions_go_to_independent_places_over_seeds():
    """Pairs that differ in one half, or in both. False alarms: 1e-6 per pair of positions."""
    side = math.isqrt(LARGE) + 1
    for positions in ([0, 1], [0, side], [LARGE - 1, 5 * side + 3]):
        assert surprise(pairs(range(720), positions, 6)) > FALSE_ALARM


def test_two_rounds_are_too_few_for_this_test(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sedd.data.permutation.ROUNDS", 2)
    assert surprise(pairs(range(720), [0, math.isqrt(LARGE) + 1], 6)) < FALSE_ALARM


def neighbors(images: np.ndarray, lag: int, cells: int = 16) -> np.ndarray:
    """How often blocks at a distance in the order lie in each pair of equal parts of the split."""
    at = np.arange(len(images) - lag)
    at = at[at // lag % 2 == 0]  # disjoint pairs
    parts = images * cells // LARGE
    return np.bincount(parts[at] * cells + parts[at + lag], minlength=cells**2)


def test_neighbors_in_the_order_are_no_neighbors_in_the_split():
    """False alarms: 1e-6 per distance."""
    images = order(1)
    side = math.isqrt(LARGE) + 1
    for lag in (1, 2, 512, side, side + 1):
        assert surprise(neighbors(images, lag)) > FALSE_ALARM


def test_two_rounds_leave_neighbors_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sedd.data.permutation.ROUNDS", 2)
    images = permuted(np.arange(LARGE), LARGE, 1)
    assert surprise(neighbors(images, math.isqrt(LARGE) + 1)) < FALSE_ALARM


def test_two_epochs_agree_in_few_positions():
    """The number of agreements is close to a Poisson variable of mean 1: above 15 once in 10^14."""
    assert (order(1) == order(2)).sum() <= 15
