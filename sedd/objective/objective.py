"""What training, validation, measuring and sampling ask of an objective; they know nothing else of it.

How to add an objective: CONTRIBUTING.md.

B batch, L sequence length, V vocabulary, t time in [0, 1], sigma total noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

import torch
from torch import Tensor

from sedd.diffusion import DrawPrecision, Estimator
from sedd.model import DiffusionTransformer

OnStep = Callable[[int, Tensor], None]
Clamp = tuple[Tensor, Tensor]  # tokens and where they are given, each (L,) or (B, L)


@dataclass(frozen=True)
class NetworkKind:
    """The network that an objective trains.

    extra_state: beside the vocabulary, a mask or a start. causal: a position sees itself and those before it. told_noise:
    whether it is given sigma.
    """

    extra_state: bool
    causal: bool = False
    told_noise: bool = True


@dataclass(frozen=True)
class Corrupted:
    """Sequences as the network gets to see them. x0, xt: (B, L) clean and noisy states; t, sigma, weight: (B,).

    weight: by which a sequence's loss is multiplied, so that the mean over times is the bound.
    """

    x0: Tensor
    xt: Tensor
    t: Tensor
    sigma: Tensor
    weight: Tensor

    def __getitem__(self, rows: slice) -> Corrupted:
        return Corrupted(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device) -> Corrupted:
        parts = (getattr(self, field.name) for field in fields(self))
        return Corrupted(*(part.to(device, non_blocking=True) for part in parts))


@dataclass(frozen=True)
class Estimate:
    """How a bound is estimated: so many random times a sequence, drawn as `estimator` says from [time_eps, 1]."""

    num_draws: int
    estimator: Estimator
    time_eps: float


@dataclass(frozen=True)
class Drawing:
    """How texts are drawn; `sampling` in an experiment says what each means. steps: of samplers with a grid of times."""

    sampler: str
    steps: int
    denoise: bool = True
    precision: DrawPrecision = "float64"
    top_p: float | None = None
    temperature: float = 1.0


class Objective(ABC):
    """An objective for a vocabulary of `vocab_size` tokens.

    exact: whether `nats` is a likelihood rather than an upper bound on its negative logarithm.
    """

    exact: ClassVar[bool] = False

    def __init__(self, vocab_size: int):
        self.vocab_size = vocab_size

    @property
    @abstractmethod
    def network(self) -> NetworkKind:
        """What it trains."""

    @abstractmethod
    def corrupt(
        self, x0: Tensor, t: Tensor, weight: Tensor, generator: torch.Generator | None
    ) -> Corrupted:
        """Corrupt the clean tokens x0 (B, L) as at times t (B,).

        weight: (B,) by which means over t become means over uniform times.
        """

    @abstractmethod
    def loss(
        self, model: DiffusionTransformer, batch: Corrupted, draws: torch.Generator | None
    ) -> Tensor:
        """What training makes small, (B,) nats a sequence. draws: for what the loss draws itself, if it does."""

    def bound(self, model: DiffusionTransformer, batch: Corrupted) -> Tensor:
        """What validation compares, (B,) nats: its mean over uniform times is the bound, or the likelihood."""
        return self.loss(model, batch, None)

    @abstractmethod
    def negative_log_likelihood(
        self,
        model: DiffusionTransformer,
        x0: Tensor,
        estimate: Estimate,
        generator: torch.Generator | None,
    ) -> Tensor:
        """-log p(x0) of each sequence x0 (B, L), or an estimate of an upper bound on it: (B,) nats, float64."""

    @abstractmethod
    def check_given(self, given: Tensor) -> None:
        """Raise ValueError if texts cannot be drawn around tokens given where `given` (L,) or (B, L) is true."""

    @abstractmethod
    def sample(
        self,
        model: DiffusionTransformer,
        shape: tuple[int, int],
        drawing: Drawing,
        *,
        clamp: Clamp | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Draw texts of `shape` (B, L). on_step: called with the number of each step and the states after it.

        Raises ValueError for a drawing that it cannot do.
        """
