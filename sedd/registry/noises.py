"""Noise schedules: how fast tokens are corrupted.

An implementation satisfies `sedd.diffusion.Noise` and is called with the keys of its settings
section as keyword arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sedd.registry.registry import Info, Registry


@dataclass(frozen=True, kw_only=True)
class NoiseInfo(Info):
    """Facts about a noise schedule."""

    published: Mapping[str, float | None] | None = None
    """its arguments in the official SEDD code: None for those that a published configuration
    states, otherwise the constant in that code. None: the official code has no such schedule
    """


NOISES = Registry(
    "noise",
    {
        "loglinear": NoiseInfo(
            description="the expected number of corrupted tokens grows linearly",
            implementation="sedd.diffusion.noise:LogLinear",
            published={"eps": 1e-3},
        ),
        "geometric": NoiseInfo(
            description="total noise grows exponentially from sigma_min to sigma_max",
            implementation="sedd.diffusion.noise:Geometric",
            published={"sigma_min": None, "sigma_max": None},
        ),
    },
)
