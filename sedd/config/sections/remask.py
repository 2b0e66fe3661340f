"""Sub-section `sampling.remask`: how often the sampler `remask` masks tokens again.

`sedd.diffusion.remask_rates` has the formulas.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule

Eta = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class CapRemask(ConfigModel):
    """A constant rate, as far as the noise level allows."""

    schedule: Literal["cap"]
    eta: Eta = 0.02
    """probability that a step masks a token again"""


class RescaleRemask(ConfigModel):
    """A fixed part of the largest rate that the noise level allows."""

    schedule: Literal["rescale"]
    eta: Eta = 0.02
    """part of the largest rate"""


class ConfidenceRemask(ConfigModel):
    """About one token of a text in a step, more often one that was unlikely when it was drawn."""

    schedule: Literal["conf"]


class ForwardBackwardRemask(ConfigModel):
    """One step of noise for every two steps of denoising."""

    schedule: Literal["forward_backward"]


class LoopRemask(ConfigModel):
    """Plain steps, then steps at constant noise that mask tokens again, then plain steps."""

    schedule: Literal["loop"]
    eta: Eta = 0.02
    """probability that a step at constant noise masks a token again"""
    t_on: Fraction = 0.55
    """time, from 1 to 0, at which the noise becomes constant"""
    t_off: Fraction = 0.05
    """time at which the noise falls again"""
    alpha_on: Fraction = 0.9
    """part of the tokens that is not masked while the noise is constant"""


Remask = Annotated[
    CapRemask | RescaleRemask | ConfidenceRemask | LoopRemask | ForwardBackwardRemask,
    Field(discriminator="schedule"),
]
DEFAULT_REMASK = CapRemask(schedule="cap")


def _on_before_off(t_on: float, t_off: float) -> str | None:
    if t_on > t_off:
        return None
    return f"must be above sampling.remask.t_off, {t_off:g}: time runs from 1 to 0; got {t_on:g}"


REMASK_RULES = (Rule(("sampling.remask.t_on", "sampling.remask.t_off"), _on_before_off),)
