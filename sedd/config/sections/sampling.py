"""Section `sampling`: the samples drawn from each checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.choices import SamplerName, one_of
from sedd.config.sections.objective import unused_by_autoregressive
from sedd.config.sections.remask import DEFAULT_REMASK, REMASK_RULES, Remask
from sedd.config.template import parse_template
from sedd.config.values import Count, DrawPrecision, Temperature, Text
from sedd.errors import DataError
from sedd.registry import DEFAULT_SAMPLER, GRAPHS, OBJECTIVES, SAMPLERS, SHARPENING


class SamplerOptions(ConfigModel):
    """A sampler with its options. In a list of samplers, `analytic` is short for {sampler: analytic}."""

    sampler: SamplerName = DEFAULT_SAMPLER
    """sampling method"""
    temperature: Temperature = 1.0
    """divisor of the logits of a new token; 0 takes the likeliest token, in the orders by confidence
    and entropy_bound only"""
    top_k: Count | None = None
    """number of the most likely tokens, at this temperature, from which a new token is drawn; null:
    all; top_p then applies to these"""
    gamma: Annotated[float, Field(ge=0)] = 0.1
    """bound of entropy_bound, in nats: on the sum of the entropies of the tokens filled in one step,
    without the largest; 0: one token per step"""
    remask: Remask = DEFAULT_REMASK
    """how often the sampler remask masks tokens again"""
    theta: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """trapezoidal: share of a step before its second network call"""
    corrector_calls: Count = 1
    """gibbs: network calls after each step, to correct the errors of the steps"""
    corrector_positions: Count = 1
    """gibbs: tokens of a text that a corrector call redraws; 1 is exact, more treat these tokens as
    independent given the others"""


OPTIONS = tuple(key for key in SamplerOptions.model_fields if key != "sampler")


class Sampling(SamplerOptions):
    """Samples drawn from each checkpoint."""

    steps: Count = 1024
    """denoising steps from t = 1 to t = 0; ignored by first_hitting and ancestral, which take one
    step per token, and by entropy_bound"""
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
    """tokens per sample; null: data.length; a longer text is drawn in windows of data.length tokens,
    each of which continues the one before it"""
    overlap: Count | None = None
    """tokens that a window keeps from the window before it, if sampling.length is above
    data.length; null: a quarter of data.length"""
    infill: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """templates that the last checkpoint fills in, for the page of the run, such as "The [20] of
    France": a blank of 20 tokens"""

    def options(self) -> dict[str, Any]:
        """The options that the sampler reads, as plain values."""
        return self.model_dump(include=set(SAMPLERS[self.sampler].options))

    def changes(self, sampler: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The keys that change with another sampler and some of its options, as plain values.

        A sub-section keeps the keys that are not given, unless it gets another `schedule`. Options
        that the sampler does not read get their defaults.
        """
        values, defaults = self.model_dump(), Sampling().model_dump()
        read = SAMPLERS[sampler].options if sampler in SAMPLERS else OPTIONS
        changed = {"sampler": sampler} | {key: defaults[key] for key in OPTIONS if key not in read}
        for key, value in options.items():
            is_section = isinstance(value, Mapping) and isinstance(values.get(key), dict)
            kept = values[key] if is_section else {}
            if is_section and value.get("schedule", kept.get("schedule")) != kept.get("schedule"):
                kept = {}
            changed[key] = {**kept, **value} if is_section else value
        return {key: value for key, value in changed.items() if value != values.get(key)}

    def label(self, sampler: str, options: Mapping[str, Any]) -> str:
        """Name of a sampler with options, in file names and tables, such as remask_cap_0.02.

        It has the values of the sampler's options in their order, up to the last one that is given.
        """
        changed = {**self.model_dump(), **self.changes(sampler, options)}
        values = Sampling.model_validate(changed).model_dump()  # with the defaults of sub-sections
        leaves = [leaf for key in SAMPLERS[sampler].options for leaf in _leaves(key, values[key])]
        given = {leaf for key, value in options.items() for leaf, _ in _leaves(key, value)}
        last = max((at for at, (leaf, _) in enumerate(leaves) if leaf in given), default=-1)
        parts = [_spell(value) for _, value in leaves[: last + 1]]
        return "_".join([sampler, *parts])


def _leaves(key: str, value: Any) -> list[tuple[str, Any]]:
    """(dotted key, value) of an option, or of each key of a sub-section."""
    if not isinstance(value, Mapping):
        return [(key, value)]
    return [leaf for name, inner in value.items() for leaf in _leaves(f"{key}.{name}", inner)]


def _spell(value: Any) -> str:
    """An option's value as a part of a label."""
    if value is None:
        return "all"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def fits_objective(sampler: str, objective: str) -> str | None:
    """Why a sampler does not draw from models of this objective; None if it does."""
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


def fits_graph(sampler: str, graph: str, denoise: bool) -> str | None:
    """Why a sampler does not run on this graph, or not without the last step; None if it does."""
    info = SAMPLERS[sampler]
    if info.needs_mask and not GRAPHS[graph].has_mask:
        others = one_of(SAMPLERS.names(needs_mask=False, left_to_right=False))
        return f"must be {others} with graph.type {graph}: {sampler} fills masks"
    if info.refuses_mask and GRAPHS[graph].has_mask:
        others = one_of(SAMPLERS.names(refuses_mask=False, left_to_right=False))
        return f"must be {others} with graph.type {graph}: {sampler} is for graphs without a mask"
    if not denoise and not info.has_denoising_step and not info.left_to_right:
        others = one_of(SAMPLERS.names(has_denoising_step=True))
        return f"must be {others} with sampling.denoise false: {sampler} always removes all noise"
    return None


def _sharpens(key: str) -> Rule:
    """Rule for a change to the law of a new token: it needs masks to replace, and exact draws."""

    def find(value: Any, graph: str, precision: str) -> str | None:
        default = getattr(Sampling(), key)
        kept = "null" if default is None else f"{default:g}"
        if value == default:
            return None
        if not GRAPHS[graph].has_mask:
            return (
                f"must be {kept} with graph.type {graph}: it applies to draws that replace a mask"
            )
        if precision != "float64":
            return (
                f"must be {kept} with sampling.precision {precision}, the paper's draws; "
                f"got {value:g}"
            )
        return None

    return Rule((f"sampling.{key}", "graph.type", "sampling.precision"), find)


def unread(option: str, value: Any, sampler: str) -> str | None:
    """Why an option must keep its default; None if it does, or if the sampler reads it."""
    if option in SAMPLERS[sampler].options or value == getattr(Sampling(), option):
        return None
    readers = [name for name, info in SAMPLERS.items() if option in info.options]
    return (
        f"has no effect with sampling.sampler {sampler}; leave it out, or choose "
        f"{one_of(readers)}; got {value}"
    )


def _is_read(option: str) -> Rule:
    def find(value: Any, sampler: str) -> str | None:
        return unread(option, value, sampler)

    return Rule((f"sampling.{option}", "sampling.sampler"), find)


def _temperature_fits(temperature: float, sampler: str) -> str | None:
    if temperature > 0 or SAMPLERS[sampler].can_be_greedy:
        return None
    greedy = one_of(SAMPLERS.names(can_be_greedy=True))
    return f"must be above 0 with sampling.sampler {sampler}; 0 is for {greedy}"


def _overlap_fits(overlap: int | None, length: int | None, window: int) -> str | None:
    if overlap is None:
        return None
    if length is None or length <= window:
        return (
            f"has no effect unless sampling.length is above data.length {window}; leave it out; "
            f"got {overlap}"
        )
    return None if overlap < window else f"must be below data.length {window}; got {overlap}"


def _are_templates(templates: Sequence[str]) -> str | None:
    problems = []
    for template in templates:
        try:
            parse_template(template)
        except DataError as error:
            problems.append(f"{template!r}: {error}")
    return "; ".join(problems) or None


RULES = (
    Rule(("sampling.infill",), _are_templates),
    Rule(("sampling.sampler", "graph.type", "sampling.denoise"), fits_graph),
    Rule(("sampling.sampler", "objective.type"), fits_objective),
    *map(_sharpens, ("top_p", *SHARPENING)),
    Rule(("sampling.overlap", "sampling.length", "data.length"), _overlap_fits),
    *map(_is_read, OPTIONS),
    Rule(("sampling.temperature", "sampling.sampler"), _temperature_fits),
    *REMASK_RULES,
    *unused_by_autoregressive("sampling", Sampling(), "denoise"),
)
