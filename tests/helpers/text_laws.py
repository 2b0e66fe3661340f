"""Laws of whole texts by enumeration of all states. S = V^L texts, in the order of `all_states`."""

from __future__ import annotations

import torch
from torch import Tensor

from helpers.exact import Data


def noisy_law(data: Data, sigma: float, texts: Tensor) -> Tensor:
    """Law (S,) of texts (S, L) at noise sigma."""
    return data.likelihoods(texts, sigma).prod(-1) @ data.probability


def text_transition(probs: Tensor, texts: Tensor) -> Tensor:
    """(S, S) with [x, y] the probability of y from x, if positions are drawn independently.

    probs: (S, L, V) law of each position, given the text x.
    """
    columns = range(texts.shape[1])
    return torch.stack([probs[:, i][:, texts[:, i]] for i in columns]).prod(0)


def total_variation(law: Tensor, other: Tensor) -> float:
    return float((law - other).abs().sum() / 2)
