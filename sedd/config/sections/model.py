"""The network's size: `config/model/NAME.yaml`, or the `model` section of an experiment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count


def _heads(n_heads: int, hidden_size: int) -> str | None:
    if hidden_size % n_heads:
        near = [n for n in range(1, hidden_size + 1) if hidden_size % n == 0]
        near = sorted(sorted(near, key=lambda n: abs(n - n_heads))[:4])
        some = ", ".join(map(str, near))
        return f"must divide hidden_size {hidden_size}, e.g. {some}; got {n_heads}"
    if hidden_size // n_heads % 2:
        size = hidden_size // n_heads
        return f"must give heads of even size, for the rotary embedding; got {n_heads} of {size}"
    return None


class ModelConfig(ConfigModel):
    """A transformer; what it sees, and whether it is told the noise level, is the objective's choice."""

    hidden_size: Annotated[int, Field(ge=2)]
    """width of the residual stream"""
    n_blocks: Count
    """transformer blocks"""
    n_heads: Count
    """attention heads; each has hidden_size / n_heads channels, an even number"""
    cond_dim: Count = 128
    """width of the embedded noise level; unused by a network that is told none"""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """share of activations dropped in training"""
    scale_by_sigma: bool | None = None
    """whether log scores are scaled by the noise level; null: true for score entropy with absorb, false otherwise"""

    rules = (Rule(("n_heads", "hidden_size"), _heads),)
