"""A pseudorandom permutation of 0 .. N - 1 that is computed position by position.

It needs no table, so the order of an epoch takes constant memory, however long the text is.

A Feistel network permutes the pairs (a, b) with 0 <= a, b < s, where s is the square root of N,
rounded up. Each round maps (a, b) to (b, a + F(b) mod s), with a random function F of its own (Luby
and Rackoff 1988). The pair (a, b) stands for the number s a + b. A number of N or more is permuted
again, until it is below N: cycle walking (Black and Rogaway 2002, Ciphers with arbitrary finite
domains). As s^2 - N < 2 s, this is rare.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

ROUNDS = 8
# SplitMix64 (Steele, Lea and Flood 2014)
INCREMENT = np.uint64(0x9E3779B97F4A7C15)
FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def permuted(positions: ArrayLike, size: int, seed: int) -> np.ndarray:
    """Images of `positions` under the permutation of 0 .. size - 1 that `seed` selects.

    positions: (n,) integers in 0 .. size - 1. Returns (n,) int64.
    """
    side = math.isqrt(size - 1) + 1
    keys = np.random.PCG64(seed).random_raw(ROUNDS)
    images = _permuted_pairs(np.array(positions, dtype=np.uint64), side, keys)
    while (outside := np.flatnonzero(images >= size)).size:
        images[outside] = _permuted_pairs(images[outside], side, keys)
    return images.astype(np.int64)


def _permuted_pairs(numbers: np.ndarray, side: int, keys: np.ndarray) -> np.ndarray:
    """Images of numbers in 0 .. side^2 - 1, with one round of the network per key."""
    modulus = np.uint64(side)
    first, second = numbers // modulus, numbers % modulus
    for key in keys:
        first, second = second, (first + _hash(second, key) % modulus) % modulus
    return first * modulus + second


def _hash(numbers: np.ndarray, key: np.uint64) -> np.ndarray:
    """Outputs number `numbers` of SplitMix64 with the state `key`, 64 bits each."""
    bits = key + numbers * INCREMENT
    for shift, factor in zip((30, 27), FACTORS, strict=True):
        bits = (bits ^ (bits >> np.uint64(shift))) * factor
    return bits ^ (bits >> np.uint64(31))
