"""The interface of objectives for training, validation, evaluation and sampling.

How to add an objective: CONTRIBUTING.md.

B batch, L sequence length, V vocabulary. t: time in [0, 1]. sigma: total noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from sedd.diffusion import DrawPrecision, Estimator, VocabularyDraw
from sedd.model import DiffusionTransformer
from sedd.registry import SAMPLERS

OnStep = Callable[[int, Tensor], None]
Clamp = tuple[Tensor, Tensor]  # tokens, and where they are fixed; each (L,) or (B, L)


@dataclass(frozen=True)
class NetworkKind:
    """The kind of network that an objective trains.

    extra_state: one state beside the vocabulary, a mask or a start state.
    causal: a position attends to itself and earlier ones. uses_noise: sigma is an input.
    """

    extra_state: bool
    causal: bool = False
    uses_noise: bool = True


@dataclass(frozen=True)
class Corrupted:
    """Corrupted sequences, the input of a loss.

    x0, xt: (B, L) clean and noisy states. t, sigma: (B,) times and noise levels.
    weight: (B,) factor of each sequence's loss that makes the mean over times the bound.
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
    """How to estimate a bound: `num_draws` random times in [time_eps, 1] per sequence. See `bound`."""

    num_draws: int
    estimator: Estimator
    time_eps: float


@dataclass(frozen=True)
class Drawing:
    """How to draw texts, as in the section `sampling` of an experiment.

    steps: number of reverse steps, for samplers on a grid of times. options: values of the options
    that the sampler reads (`SamplerInfo.options`); one that is left out has its default. Other
    fields as in `sedd.diffusion.sample` and `sample_causal`.
    """

    sampler: str
    steps: int
    denoise: bool = True
    precision: DrawPrecision = "float64"
    top_p: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the sampler. Raises ValueError for an option it does not read."""
        info = SAMPLERS[self.sampler]
        if unread := [name for name in self.options if name not in info.options]:
            raise ValueError(
                f"{self.sampler} does not read {', '.join(unread)}; its options are: "
                f"{', '.join(info.options) or 'none'}"
            )
        arguments: dict[str, Any] = {"top_p": self.top_p, "precision": self.precision}
        if not info.one_step_per_token:
            arguments["steps"] = self.steps
        if info.has_denoising_step:
            arguments["denoise"] = self.denoise
        return {**arguments, **self.options}


class Objective(ABC):
    """An objective for a vocabulary of `vocab_size` tokens.

    is_exact: whether `negative_log_likelihood` is exact. False: it estimates an upper bound.
    """

    is_exact: ClassVar[bool] = False
    pad: int | None = None
    """token that fills a sequence after its own tokens: it is never corrupted, and has no loss and
    no likelihood; None: all tokens are a sequence's own"""

    def __init__(self, vocab_size: int):
        self.vocab_size = vocab_size

    def padding(self, x0: Tensor) -> Tensor | None:
        """Where x0 (B, L) is padding; None for an objective without."""
        return None if self.pad is None else x0 == self.pad

    def own_tokens(self, x0: Tensor) -> Tensor:
        """Number of own tokens of each sequence: (B,) float64."""
        padding = self.padding(x0)
        own = torch.ones_like(x0, dtype=torch.bool) if padding is None else ~padding
        return own.sum(1).double()

    @property
    @abstractmethod
    def network(self) -> NetworkKind:
        """The kind of network to train."""

    @abstractmethod
    def corrupt(
        self, x0: Tensor, t: Tensor, weight: Tensor, generator: torch.Generator | None
    ) -> Corrupted:
        """Corrupt the clean tokens x0 (B, L) to times t (B,).

        weight: (B,) importance weights that turn a mean over t into a mean over uniform times.
        """

    @abstractmethod
    def loss(
        self, model: DiffusionTransformer, batch: Corrupted, drawn: VocabularyDraw | None
    ) -> Tensor:
        """Training loss of each sequence: (B,) nats.

        drawn: from `draw_vocabulary` with the clean tokens of the whole batch, for an estimate of the
            loss; None: the exact loss.
        """

    def draw_vocabulary(self, x0: Tensor, generator: torch.Generator) -> VocabularyDraw | None:
        """Draw the tokens of an estimated loss for the clean tokens x0 (B, L); None: it is exact."""
        return None

    def bound(self, model: DiffusionTransformer, batch: Corrupted) -> Tensor:
        """Validation loss of each sequence: (B,) nats.

        Its mean over uniform times is the negative log likelihood, or a bound on it.
        """
        return self.loss(model, batch, None)

    @abstractmethod
    def negative_log_likelihood(
        self,
        model: DiffusionTransformer,
        x0: Tensor,
        estimate: Estimate,
        generator: torch.Generator | None,
        given: Tensor | None = None,
    ) -> Tensor:
        """-log p(x0) of each sequence x0 (B, L), or an estimated upper bound: (B,) nats, float64.

        given: (B, L), true for tokens that are given: -log p of the other tokens, given these.
        Raises ValueError if the objective cannot take tokens as given there.
        """

    @abstractmethod
    def check_clamp(self, given: Tensor) -> None:
        """Raise ValueError if tokens cannot be fixed where `given`, (L,) or (B, L), is true."""

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
        calls: Tensor | None = None,
    ) -> Tensor:
        """Draw texts of `shape` (B, L).

        on_step: called with the index of each step and the states after it.
        calls: (B,) int64, increased by the network calls that each text takes.
        Raises ValueError for settings that this objective cannot use.
        """
