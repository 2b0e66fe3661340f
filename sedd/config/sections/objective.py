"""Section `objective`: the quantity that the network predicts, and its loss."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.choices import one_of
from sedd.config.values import Count
from sedd.registry import GRAPHS, OBJECTIVES


class ScoreEntropyObjective(ConfigModel):
    """Ratios of probabilities, trained with score entropy as in the paper."""

    type: Literal["score_entropy"]


class D3PMObjective(ConfigModel):
    """Clean tokens, trained with the discrete-time bound of Austin et al. 2021."""

    type: Literal["d3pm"]
    num_steps: Count = 1000
    """steps of the forward process; times are rounded up to a multiple of 1 / num_steps"""
    cross_entropy: Annotated[float, Field(ge=0)] = 0.0
    """weight of the cross-entropy of the clean tokens in the training loss (their lambda)"""


class LambdaDCEObjective(ConfigModel):
    """Masked tokens, trained with the likelihood of masked diffusion (RADD's lambda-DCE, MDLM)."""

    type: Literal["lambda_dce"]
    time_conditioning: bool = False
    """whether the noise level is an input of the network; if not, a sampler calls the network only
    for samples that changed"""


class AutoregressiveObjective(ConfigModel):
    """Next token given the previous tokens: an exact likelihood, without graph and noise."""

    type: Literal["autoregressive"]


Objective = Annotated[
    ScoreEntropyObjective | D3PMObjective | LambdaDCEObjective | AutoregressiveObjective,
    Field(discriminator="type"),
]


def needed_by_diffusion(section: str, example: str) -> Rule:
    """Rule for the sections `graph` and `noise`: required, unless the objective is
    autoregressive."""

    def find(value: Any, objective: str) -> str | None:
        if not OBJECTIVES[objective].left_to_right:
            return f"missing; give {example}" if value is None else None
        if value is None:
            return None
        return f"must be left out, or null, with objective.type {objective}, which adds no noise"

    return Rule((section, "objective.type"), find)


def unused_by_autoregressive(section: str, defaults: ConfigModel, *keys: str) -> tuple[Rule, ...]:
    """Rules for keys without effect on autoregressive models: they must keep their defaults."""

    def rule(key: str) -> Rule:
        def find(value: Any, objective: str) -> str | None:
            if not OBJECTIVES[objective].left_to_right or value == getattr(defaults, key):
                return None
            return f"has no effect with objective.type {objective}; leave it out; got {value}"

        return Rule((f"{section}.{key}", "objective.type"), find)

    return tuple(rule(key) for key in keys)


def _needs_masks(objective: str, graph: str) -> str | None:
    if not OBJECTIVES[objective].needs_mask or GRAPHS[graph].has_mask:
        return None
    allowed = one_of(GRAPHS.names(has_mask=True))
    return f"{objective} is defined for masked tokens and needs graph.type {allowed}; got {graph}"


RULES = (Rule(("objective.type", "graph.type"), _needs_masks),)
