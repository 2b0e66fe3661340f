"""Changes to the law of a new token: temperature, then top-k, then nucleus (top-p).

They trade diversity for quality: the samples no longer follow the model's law. Weights need not sum
to 1. n rows, V states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sharpening:
    """A function of weights (n, V) that applies all three changes, in the order of the fields.

    temperature: divides the logits; 0 keeps only the likeliest token.
    top_k: keep this number of likeliest tokens. None: all.
    top_p: of these, keep the likeliest tokens of this total mass. None: all.
    Raises ValueError for numbers out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be at least 0 and finite, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {self.top_k}")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must lie in (0, 1], got {self.top_p}")

    def __call__(self, weights: Tensor) -> Tensor:
        """(n, V) -> (n, V). Each row needs a positive weight."""
        if self.temperature != 1:
            weights = tempered(weights, self.temperature)
        if self.top_k is not None:
            weights = likeliest(weights, self.top_k)
        if self.top_p is not None:
            weights = nucleus(weights, self.top_p)
        return weights


UNCHANGED = Sharpening()


def tempered(weights: Tensor, temperature: float) -> Tensor:
    """Weights (n, V) of the law whose logits are divided by `temperature`, at most 1.

    Temperature 0 is the limit: 1 at the largest weight, 0 elsewhere.
    """
    relative = weights / weights.amax(-1, keepdim=True)
    return (relative == 1).to(weights.dtype) if temperature == 0 else relative ** (1 / temperature)


def likeliest(weights: Tensor, top_k: int) -> Tensor:
    """Keep the `top_k` largest weights of each row (n, V); zero the others."""
    kept = weights.topk(min(top_k, weights.shape[-1]), dim=-1)
    return torch.zeros_like(weights).scatter(-1, kept.indices, kept.values)


def nucleus(weights: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of states with at least `top_p` of a row's total; zero the others.

    (n, V) -> (n, V).
    """
    ordered, order = weights.sort(dim=-1, descending=True)
    cumulative = ordered.cumsum(-1, dtype=torch.float64)
    needed = cumulative - ordered < top_p * cumulative[..., -1:]
    return weights * torch.zeros_like(needed).scatter(-1, order, needed)
