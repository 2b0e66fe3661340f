"""How certain a network is of the clean token at a position: statistics of its law.

n rows: masked positions. V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Certainty:
    """Statistics of n laws, (n,) each, float32 or wider.

    maximum, second: the two largest probabilities. entropy: in nats.
    """

    maximum: Tensor
    second: Tensor
    entropy: Tensor


def certainty(logits: Tensor) -> Certainty:
    """Statistics of the softmax of each row of logits (n, V)."""
    law = logits.softmax(-1)
    maximum, second = law.topk(2, dim=-1).values.unbind(-1)
    return Certainty(maximum, second, torch.special.entr(law).sum(-1))
