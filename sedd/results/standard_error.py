"""Standard errors of means over texts that follow one another, and of a single mean over texts.

Neighboring sequences of a text are alike: they share a document or a topic. The spread of single
sequences then understates the error of their mean, by a factor of about two on the texts of the
default build. So sequences in text order are put into groups of neighbors (batch means), and the
error is that of independent groups.

N sequences or documents, G groups.
"""

from __future__ import annotations

import math

import numpy as np

# Few groups are long: longer than the texts that correlate. The spread of ten values is known to
# about a quarter, for which `group_error` allows.
NUM_GROUPS = 10
# Half of the 97.725 % quantile of Student's law with 1 to NUM_GROUPS - 1 degrees of freedom.
STUDENT = (6.9839, 2.2633, 1.6534, 1.4347, 1.3243, 1.2583, 1.2144, 1.1832, 1.1599)


def group_means(nats: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Nats per token of each group of neighboring sequences (N,): (G,)."""
    return _sums(nats) / _sums(tokens)


def group_error(nats: np.ndarray, tokens: np.ndarray) -> float | None:
    """Standard error of sum(nats) / sum(tokens) of sequences (N,) in text order; None for N = 1.

    Widened by Student's factor for G - 1 degrees of freedom, so that two errors cover the mean as
    often as two standard errors of a normal law do.
    """
    sums = _sums(nats), _sums(tokens)
    error = ratio_error(*sums)
    return None if error is None else error * STUDENT[len(sums[0]) - 2]


def ratio_error(nats: np.ndarray, tokens: np.ndarray) -> float | None:
    """Standard error of sum(nats) / sum(tokens) of independent texts (N,); None for a single text.

    To first order in the deviation of each text from the mean.
    """
    if len(nats) < 2:
        return None
    mean = nats.sum() / tokens.sum()
    return float((nats - mean * tokens).std(ddof=1) * math.sqrt(len(nats)) / tokens.sum())


def mean_error(values: np.ndarray) -> float | None:
    """Standard error of the mean of independent values (N,); None for a single value."""
    return ratio_error(values, np.ones(len(values)))


def _sums(values: np.ndarray) -> np.ndarray:
    """Sums over `NUM_GROUPS` runs, nearly equal in length; fewer values are groups of their own."""
    parts = np.array_split(values, min(NUM_GROUPS, len(values)))
    return np.array([part.sum() for part in parts], dtype=np.float64)
