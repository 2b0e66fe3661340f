"""Rates of remasking: how often a reverse step masks a token again (ReMDM).

A step goes from time t to an earlier time s, with noise sigma_t >= sigma_s, so that a fraction
alpha = e^-sigma of the tokens is visible. It masks a visible token with probability r, the rate.
A mask becomes y with probability mu_y (alpha_s - (1 - r) alpha_t) / (1 - alpha_t), where mu is the
denoiser. These are probabilities for every r in [0, r_max], r_max = min(1, (1 - alpha_s) / alpha_t).
Whatever r is, a fraction alpha_s is visible after the step, as in the forward process: what the
step masks, it fills elsewhere. r = 0 is the step of `analytic`.
Source: Wang et al. 2025, "Remasking discrete diffusion models with inference-time scaling", arXiv
2503.00307. Names and defaults are theirs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sedd.diffusion.noise import Noise


def largest_rate(sigma_t: float, sigma_s: float) -> float:
    """r_max of a step from noise sigma_t to sigma_s."""
    masked, visible = -math.expm1(-sigma_s), math.exp(-sigma_t)
    return 1.0 if masked >= visible else masked / visible


class RemaskSchedule(ABC):
    """The rate of each step; for some schedules, also the noise levels of the steps."""

    shares_rate: bool = False
    """whether `rate` is that of all tokens of a text together, shared out by `confidence_rates`"""

    @abstractmethod
    def rate(self, sigma_t: float, sigma_s: float) -> float:
        """The rate of a step from noise sigma_t to sigma_s."""

    def levels(self, noise: Noise, times: Tensor) -> Tensor:
        """Noise sigma at each of the decreasing times: (n,), float64."""
        return noise(times)[0]


@dataclass(frozen=True)
class EtaSchedule(RemaskSchedule):
    """A schedule with one parameter `eta` in [0, 1]."""

    eta: float = 0.02

    def __post_init__(self) -> None:
        if not 0.0 <= self.eta <= 1.0:
            raise ValueError(f"eta must lie in [0, 1], got {self.eta}")


class Cap(EtaSchedule):
    """r = eta, or r_max where that is less."""

    def rate(self, sigma_t: float, sigma_s: float) -> float:
        return min(self.eta, largest_rate(sigma_t, sigma_s))


class Rescale(EtaSchedule):
    """r = eta r_max."""

    def rate(self, sigma_t: float, sigma_s: float) -> float:
        return self.eta * largest_rate(sigma_t, sigma_s)


@dataclass(frozen=True)
class Confidence(RemaskSchedule):
    """r_i = r_max softmax(-psi)_i over the visible tokens i of a text.

    psi_i is the probability that token i had when it was drawn. So a step masks r_max tokens of a
    text on average, and unlikely ones more often.

    differs from the official code, where masks are filled as if r_i were 0: with many steps, nearly
    all tokens are then masked until the last ones. Here masks are filled with the mean of the rates
    of visible tokens, see `mean_rate`.
    """

    shares_rate = True

    def rate(self, sigma_t: float, sigma_s: float) -> float:
        return largest_rate(sigma_t, sigma_s)


@dataclass(frozen=True)
class ForwardBackward(RemaskSchedule):
    """r = (alpha_s - alpha_t) / alpha_t, or r_max where that is less.

    Two steps back and one step forward: the corrector of Campbell et al. 2022, arXiv 2205.14987.
    """

    def rate(self, sigma_t: float, sigma_s: float) -> float:
        rate = math.expm1(min(sigma_t - sigma_s, 1.0))  # above 1, r_max is the less
        return min(rate, largest_rate(sigma_t, sigma_s))


@dataclass(frozen=True)
class Loop(EtaSchedule):
    """Plain steps until alpha_on is visible, then rate eta at constant noise, then plain steps.

    The noise is constant between the times t_on and t_off. Before and after, alpha is linear in
    time, up to its values at the ends of the noise schedule.
    """

    t_on: float = 0.55
    t_off: float = 0.05
    alpha_on: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.t_off < self.t_on < 1.0:
            raise ValueError(f"0 < t_off < t_on < 1 must hold, got {self.t_off}, {self.t_on}")
        if not 0.0 < self.alpha_on < 1.0:
            raise ValueError(f"alpha_on must lie between 0 and 1, got {self.alpha_on}")

    def rate(self, sigma_t: float, sigma_s: float) -> float:
        return min(self.eta, largest_rate(sigma_t, sigma_s)) if sigma_t == sigma_s else 0.0

    def levels(self, noise: Noise, times: Tensor) -> Tensor:
        # masked = 1 - alpha: near time 0, alpha would lose its digits
        first, last = (float(-torch.expm1(-noise(times[end])[0])) for end in (0, -1))
        on, begin, end = 1 - self.alpha_on, float(times[0]), float(times[-1])
        if not last < on < first or end >= self.t_off:
            raise ValueError(
                f"alpha_on must lie between {1 - first:g} and {1 - last:g}, the fractions of visible "
                f"tokens at the first and last time, got {self.alpha_on}; and t_off must be above "
                f"the last time {end:g}, got {self.t_off}"
            )
        before = on + (first - on) * (times - self.t_on) / (begin - self.t_on)
        after = last + (on - last) * (times - end) / (self.t_off - end)
        masked = torch.where(times < self.t_off, after, torch.full_like(times, on))
        return -torch.log1p(-torch.where(times > self.t_on, before, masked))


def confidence_rates(rate: float, psi: Tensor, visible: Tensor) -> Tensor:
    """Rates (B, L) of `Confidence`: `rate` softmax(-psi) over the visible positions of each text.

    psi, visible: (B, L). A text without visible positions gets zeros.
    """
    weight = torch.exp(-psi) * visible
    return rate * weight / weight.sum(1, keepdim=True).clamp(min=1e-9)


def mean_rate(rate: float, sigma_t: float, length: Tensor) -> Tensor:
    """Mean of `confidence_rates` over the positions that are visible, in the forward process.

    length: (B,) positions of each text that can be masked. The number of visible ones is binomial,
    and all tokens of a text share `rate`: rate (1 - (1 - alpha_t)^length) / (length alpha_t).
    """
    alpha = math.exp(-sigma_t)
    some_visible = -torch.expm1(length.double() * math.log1p(-alpha))
    return rate * some_visible / (length.clamp(min=1) * alpha)


SCHEDULES: dict[str, type[RemaskSchedule]] = {
    "cap": Cap,
    "rescale": Rescale,
    "conf": Confidence,
    "loop": Loop,
    "forward_backward": ForwardBackward,
}


def remask_schedule(settings: RemaskSchedule | Mapping[str, Any]) -> RemaskSchedule:
    """A schedule from its settings: its name as `schedule`, and its parameters.

    Raises ValueError for an unknown name.
    """
    if isinstance(settings, RemaskSchedule):
        return settings
    name, parameters = settings["schedule"], dict(settings)
    del parameters["schedule"]
    if name not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {name!r}")
    return SCHEDULES[name](**parameters)
