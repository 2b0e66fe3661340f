"""Section `model`, and presets of it in `config/model/NAME.yaml`: the size of the network."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import MAX_COUNT, Count
from sedd.registry import GRAPHS, OBJECTIVES

MAX_HEADS = 10_000  # that a message looks for


def _heads(n_heads: int, hidden_size: int) -> str | None:
    if hidden_size % n_heads:
        near = [n for n in range(1, min(hidden_size, MAX_HEADS) + 1) if hidden_size % n == 0]
        near = sorted(sorted(near, key=lambda n: abs(n - n_heads))[:4])
        some = ", ".join(map(str, near))
        return f"must divide hidden_size {hidden_size}, e.g. {some}; got {n_heads}"
    if hidden_size // n_heads % 2:
        size = hidden_size // n_heads
        return f"must give heads of even size, for the rotary embedding; got {n_heads} of {size}"
    return None


class ModelConfig(ConfigModel):
    """Size of the transformer. Its inputs and outputs depend on the objective."""

    hidden_size: Annotated[int, Field(ge=2, le=MAX_COUNT)]
    """width of the residual stream"""
    n_blocks: Count
    """number of transformer blocks"""
    n_heads: Count
    """number of attention heads; hidden_size / n_heads must be an even whole number"""
    cond_dim: Count = 128
    """width of the noise-level embedding; unused if the noise level is not an input of the
    network"""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """dropout probability in training"""
    scale_by_sigma: bool | None = None
    """whether log scores are scaled by the noise level; null: true for score_entropy with absorb,
    false otherwise"""

    rules = (Rule(("n_heads", "hidden_size"), _heads),)


def _scales_masks_only(scale_by_sigma: bool | None, graph: str) -> str | None:
    if scale_by_sigma and not GRAPHS[graph].has_mask:
        return f"must be false or null with graph.type {graph}, which has no such scaling; got true"
    return None


def _scales_scores_only(scale_by_sigma: bool | None, objective: str) -> str | None:
    if scale_by_sigma and not OBJECTIVES[objective].predicts_scores:
        return (
            f"must be false or null with objective.type {objective}, which has no scores to scale; "
            "got true"
        )
    return None


RULES = (
    *(rule.within("model") for rule in ModelConfig.rules),
    Rule(("model.scale_by_sigma", "graph.type"), _scales_masks_only),
    Rule(("model.scale_by_sigma", "objective.type"), _scales_scores_only),
)
