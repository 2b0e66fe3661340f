"""Section `noise`: the total noise sigma(t) for t in [0, 1]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.choices import one_of
from sedd.config.sections.objective import needed_by_diffusion
from sedd.registry import NOISES


class LogLinearNoise(ConfigModel):
    """sigma(t) = -log(1 - (1 - eps) t): a token is corrupted with probability (1 - eps) t."""

    type: Literal["loglinear"]
    eps: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """probability that a token is not corrupted at t = 1"""


class GeometricNoise(ConfigModel):
    """sigma(t) = sigma_min^(1 - t) sigma_max^t. Likelihood bounds leave out what lies below sigma_min,
    about 1e-3 nats per token."""

    type: Literal["geometric"]
    sigma_min: Annotated[float, Field(gt=0)] = 0.0001
    """total noise at t = 0"""
    sigma_max: Annotated[float, Field(gt=0)] = 20.0
    """total noise at t = 1"""


Noise = Annotated[LogLinearNoise | GeometricNoise, Field(discriminator="type")]


def _increases(sigma_max: float, sigma_min: float) -> str | None:
    if sigma_max > sigma_min:
        return None
    return f"must be above noise.sigma_min, {sigma_min:g}; got {sigma_max:g}"


RULES = (
    needed_by_diffusion("noise", f"type: {one_of(NOISES)}"),
    Rule(("noise.sigma_max", "noise.sigma_min"), _increases),
)
