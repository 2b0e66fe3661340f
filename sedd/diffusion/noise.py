"""Noise schedules: total noise sigma(t) and its rate dsigma(t) = d sigma / dt, for t in [0, 1].

A token has moved by time t with probability 1 - e^-sigma(t). All functions work elementwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """A noise schedule: a function of the time t, of any shape."""

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """sigma(t) and dsigma(t), in the shape of t."""
        ...


@dataclass(frozen=True)
class LogLinear:
    """1 - e^-sigma(t) = (1 - eps) t, for the absorbing graph (Lou et al. 2024).

    The expected number of moved tokens grows linearly.
    """

    eps: float = 1e-3

    def __post_init__(self) -> None:
        if not 0.0 < self.eps < 1.0:
            raise ValueError(f"eps must lie between 0 and 1, got {self.eps}")

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        moved = (1 - self.eps) * t
        # log1p: for small t, 1 - moved would lose the digits of t
        return -torch.log1p(-moved), (1 - self.eps) / (1 - moved)


@dataclass(frozen=True)
class Geometric:
    """sigma(t) = sigma_min^(1 - t) sigma_max^t, for the uniform graph (Lou et al. 2024).

    Likelihood bounds leave out what lies below sigma_min, about 1e-3 nats per token; see `bound`.
    """

    sigma_min: float = 1e-4
    sigma_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma_min < self.sigma_max:
            raise ValueError(
                f"0 < sigma_min < sigma_max must hold, got {self.sigma_min}, {self.sigma_max}"
            )

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        sigma = self.sigma_min ** (1 - t) * self.sigma_max**t
        return sigma, sigma * math.log(self.sigma_max / self.sigma_min)


def sample_times(
    count: int,
    eps: float = 1e-3,
    generator: torch.Generator | None = None,
    stratified: bool = False,
    device: torch.device | str | None = None,
) -> Tensor:
    """`count` times uniform on [eps, 1]: (count,) float32.

    stratified: one time in each of `count` equal strata, all with the same offset: t_i = (u + i) /
        count. Each t alone stays uniform, and the variance of a mean over the batch is lower.
    """
    draw_device = generator.device if generator is not None else device
    if stratified:
        offset = torch.rand(1, generator=generator, dtype=torch.float64, device=draw_device)
        u = (offset + torch.arange(count, dtype=torch.float64, device=draw_device)) / count
    else:
        u = torch.rand(count, generator=generator, dtype=torch.float64, device=draw_device)
    return (eps + (1 - eps) * u).to(device=device, dtype=torch.float32)
