"""Section `sampling`: the samples drawn from each checkpoint."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.choices import SamplerName, one_of
from sedd.config.sections.objective import unused_by_autoregressive
from sedd.config.values import Count, DrawPrecision
from sedd.registry import DEFAULT_SAMPLER, GRAPHS, OBJECTIVES, SAMPLERS


class Sampling(ConfigModel):
    """Samples drawn from each checkpoint."""

    sampler: SamplerName = DEFAULT_SAMPLER
    """sampling method"""
    steps: Count = 1024
    """denoising steps from t = 1 to t = 0; ignored by first_hitting and ancestral, which take one
    step per token"""
    count: Count = 16
    """number of samples"""
    batch_size: Count = 16
    """samples drawn in one batch"""
    denoise: bool = True
    """whether a last step removes the remaining noise"""
    precision: DrawPrecision = "float64"
    """precision of the random draws; float32, as in the paper's code, never draws the rarest
    tokens"""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """nucleus sampling: total probability of the most likely tokens, from which a mask (absorb) or
    the next token (autoregressive) is drawn; null: all tokens"""
    length: Count | None = None
    """tokens per sample; null: data.length"""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """divisor of the logits (autoregressive only)"""


def _fits_objective(sampler: str, objective: str) -> str | None:
    left_to_right = OBJECTIVES[objective].left_to_right
    if SAMPLERS[sampler].left_to_right == left_to_right:
        return None
    if left_to_right:
        allowed = one_of(SAMPLERS.names(left_to_right=True))
        return (
            f"must be {allowed} with objective.type {objective}, which samples from left to right; "
            f"got {sampler}"
        )
    allowed = one_of(OBJECTIVES.names(left_to_right=True))
    return (
        f"{sampler} samples from left to right and needs objective.type {allowed}, not {objective}"
    )


def _fits_graph(sampler: str, graph: str, denoise: bool) -> str | None:
    info = SAMPLERS[sampler]
    if info.needs_mask and not GRAPHS[graph].has_mask:
        others = one_of(SAMPLERS.names(needs_mask=False, left_to_right=False))
        return f"must be {others} with graph.type {graph}: {sampler} fills masks"
    if not denoise and not info.has_denoising_step and not info.left_to_right:
        others = one_of(SAMPLERS.names(has_denoising_step=True))
        return f"must be {others} with sampling.denoise false: {sampler} always removes all noise"
    return None


def _top_p_fits(top_p: float | None, graph: str, precision: str) -> str | None:
    if top_p is None:
        return None
    if not GRAPHS[graph].has_mask:
        return f"must be null with graph.type {graph}: it applies to draws that replace a mask"
    if precision != "float64":
        return f"must be null with sampling.precision {precision}, the paper's draws; got {top_p:g}"
    return None


def _temperature_fits(temperature: float, objective: str) -> str | None:
    if temperature == 1 or OBJECTIVES[objective].left_to_right:
        return None
    allowed = one_of(OBJECTIVES.names(left_to_right=True))
    return (
        f"must be 1 with objective.type {objective}; other temperatures are for {allowed}; "
        f"got {temperature:g}"
    )


RULES = (
    Rule(("sampling.sampler", "graph.type", "sampling.denoise"), _fits_graph),
    Rule(("sampling.sampler", "objective.type"), _fits_objective),
    Rule(("sampling.top_p", "graph.type", "sampling.precision"), _top_p_fits),
    Rule(("sampling.temperature", "objective.type"), _temperature_fits),
    *unused_by_autoregressive("sampling", Sampling(), "denoise"),
)
