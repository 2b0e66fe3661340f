"""Noise schedules: total noise sigma(t) and its rate dsigma(t) = d sigma / dt, for t in [0, 1].

A token has moved by time t with probability 1 - e^-sigma(t). All functions work element by element.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """sigma(t) and dsigma(t)."""
        ...

    def time(self, sigma: Tensor) -> Tensor:
        """The t at which the total noise is sigma."""
        ...


@dataclass(frozen=True)
class LogLinear:
    """1 - e^-sigma(t) = (1 - eps) t: the expected number of moved tokens grows linearly. For the
    absorbing graph.
    """

    eps: float = 1e-3

    def __post_init__(self) -> None:
        if not 0.0 < self.eps < 1.0:
            raise ValueError(f"eps must lie between 0 and 1, got {self.eps}")

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        moved = (1 - self.eps) * t
        # log1p: for small t, 1 - moved would lose the digits of t
        return -torch.log1p(-moved), (1 - self.eps) / (1 - moved)

    def time(self, sigma: Tensor) -> Tensor:
        return -torch.expm1(-sigma) / (1 - self.eps)


@dataclass(frozen=True)
class Geometric:
    """sigma(t) = sigma_min^(1 - t) sigma_max^t. For the uniform graph."""

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

    def time(self, sigma: Tensor) -> Tensor:
        span = math.log(self.sigma_max / self.sigma_min)
        return torch.log(sigma / self.sigma_min) / span


def sample_times(
    count: int,
    eps: float = 1e-3,
    generator: torch.Generator | None = None,
    stratified: bool = False,
    device: torch.device | str | None = None,
) -> Tensor:
    """`count` times uniform on [eps, 1], float32. Returns (count,).

    stratified: one in each of `count` equal parts, all with the same offset (t_i = (u + i) /
    count), which keeps every single t uniform and lowers the variance of a mean over the batch.
    """
    drawn_on = generator.device if generator is not None else device
    if stratified:
        offset = torch.rand(1, generator=generator, dtype=torch.float64, device=drawn_on)
        u = (offset + torch.arange(count, dtype=torch.float64, device=drawn_on)) / count
    else:
        u = torch.rand(count, generator=generator, dtype=torch.float64, device=drawn_on)
    return (eps + (1 - eps) * u).to(device=device, dtype=torch.float32)
