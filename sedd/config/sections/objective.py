"""What a network is trained for: the `objective` section of an experiment, and what it asks of the other sections."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count


class ScoreEntropyObjective(ConfigModel):
    """Ratios of probabilities by score entropy, as in the paper; absorb or uniform."""

    type: Literal["score_entropy"]


class D3PMObjective(ConfigModel):
    """The clean text by the discrete-time bound of Austin et al. 2021; absorb or uniform."""

    type: Literal["d3pm"]
    num_steps: Count = 1000
    """steps of the forward process; times are rounded up to the next of them"""
    cross_entropy: Annotated[float, Field(ge=0)] = 0.0
    """weight of the cross entropy of the clean text that is added to the bound in training; their lambda"""


class LambdaDCEObjective(ConfigModel):
    """The masked tokens by the likelihood of masked diffusion (RADD's lambda-DCE, MDLM); absorb only."""

    type: Literal["lambda_dce"]
    time_conditioning: bool = False
    """whether the network is told the noise level; without it, a sampler asks it only about texts that have changed"""


class AutoregressiveObjective(ConfigModel):
    """The next token from those before it: an exact likelihood; no graph and no noise."""

    type: Literal["autoregressive"]


Objective = Annotated[
    ScoreEntropyObjective | D3PMObjective | LambdaDCEObjective | AutoregressiveObjective,
    Field(discriminator="type"),
]


def _diffuses(found: Any, objective: str, example: str) -> str | None:
    if objective == "autoregressive":
        if found is None:
            return None
        return (
            "must be left out, or null, with objective.type autoregressive, which corrupts nothing"
        )
    return f"missing; give {example}" if found is None else None


def _needs_masks(objective: str, graph: str) -> str | None:
    if objective == "lambda_dce" and graph != "absorb":
        return f"lambda_dce is the likelihood of masked tokens and needs graph.type absorb; got {graph}"
    return None


def _of_scores(scale_by_sigma: bool | None, objective: str) -> str | None:
    if scale_by_sigma and objective != "score_entropy":
        return f"must be false or null with objective.type {objective}, which has no scores to scale; got true"
    return None


def _whole_sum(vocabulary_draws: int | None, objective: str) -> str | None:
    if vocabulary_draws is not None and objective != "score_entropy":
        return f"must be null with objective.type {objective}, whose sum has a normaliser; got {vocabulary_draws}"
    return None


def _first_step_is_trained(time_eps: float, num_steps: int) -> str | None:
    if time_eps < 1 / num_steps:
        return None
    return (
        f"must be below 1 / objective.num_steps, {1 / num_steps:g}, so that the first step is "
        f"trained; got {time_eps:g}"
    )


def _token_by_token(sampler: str, objective: str) -> str | None:
    if (sampler == "ancestral") == (objective == "autoregressive"):
        return None
    if objective == "autoregressive":
        return f"must be ancestral with objective.type autoregressive, which writes from left to right; got {sampler}"
    return f"ancestral writes from left to right and needs objective.type autoregressive, not {objective}"


def _only_autoregressive(temperature: float, objective: str) -> str | None:
    if temperature == 1 or objective == "autoregressive":
        return None
    return f"must be 1 with objective.type {objective}; other temperatures are for autoregressive; got {temperature:g}"


def _unused(key: str, default: Any) -> Rule:
    """A key that means nothing to an autoregressive model."""

    def find(value: Any, objective: str) -> str | None:
        if objective != "autoregressive" or value == default:
            return None
        return f"has no meaning with objective.type autoregressive; leave it out; got {value}"

    return Rule((key, "objective.type"), find)


def objective_rules(defaults: dict[str, Any]) -> tuple[Rule, ...]:
    """Contradictions between the objective and the rest. defaults: of keys that only diffusions read."""
    return (
        Rule(("graph", "objective.type"), lambda g, o: _diffuses(g, o, "type: absorb or uniform")),
        Rule(
            ("noise", "objective.type"),
            lambda n, o: _diffuses(n, o, "type: loglinear or geometric"),
        ),
        Rule(("objective.type", "graph.type"), _needs_masks),
        Rule(("model.scale_by_sigma", "objective.type"), _of_scores),
        Rule(("training.vocabulary_draws", "objective.type"), _whole_sum),
        Rule(("training.time_eps", "objective.num_steps"), _first_step_is_trained),
        Rule(("sampling.sampler", "objective.type"), _token_by_token),
        Rule(("sampling.temperature", "objective.type"), _only_autoregressive),
        *(_unused(key, default) for key, default in defaults.items()),
    )
