"""The common interface of all models: tokenizer, settings, likelihoods and samples.

B texts, L tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.config import AnyExperiment, Experiment, Identity, section_sha256, text_length
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.model import DiffusionTransformer
from sedd.objective import Drawing, Estimate, Objective
from sedd.objective.objective import Clamp, OnStep
from sedd.results.record import Provenance
from sedd.runtime.device import autocast, device_name
from sedd.runtime.provenance import code_version, now
from sedd.runtime.seeds import sampler_generator


@dataclass(frozen=True)
class LanguageModel(ABC):
    """Base class of all models: likelihoods of texts, and samples.

    experiment: the settings for sampling and evaluation. step: of the checkpoint; 0 for a published
        model.
    """

    experiment: AnyExperiment
    step: int
    tokenizer: Tokenizer
    device: torch.device
    checkpoint_sha256: str

    @property
    def name(self) -> str:
        """The name of the experiment, which is also the name of the folder of its results."""
        return self.experiment.name

    @property
    def length(self) -> int:
        """Tokens of a text that is sampled."""
        return text_length(self.experiment)

    @property
    def is_exact(self) -> bool:
        """Whether `negative_log_likelihood` is exact; if not, it estimates an upper bound."""
        return True

    @abstractmethod
    def negative_log_likelihood(
        self, x0: Tensor, generator: torch.Generator, given: Tensor | None = None
    ) -> Tensor:
        """-log p of each text x0 (B, L), or an estimated upper bound: (B,) nats, float64, CPU.

        generator: for the random draws of the estimate; an exact model makes none.
        given: (B, L), true for tokens that are given: -log p of the other tokens, given these.
        Raises DataError if the model cannot take tokens as given there.
        """

    @abstractmethod
    def draw(
        self,
        size: int,
        length: int,
        drawing: Drawing,
        *,
        clamp: Clamp | None,
        generator: torch.Generator,
        on_step: OnStep | None = None,
        calls: Tensor | None = None,
    ) -> Tensor:
        """Token ids (size, length) of new texts.

        clamp: (tokens, mask), each (L,) or (B, L): where the mask is true, a text keeps these
            tokens.
        on_step: called with the number of each step and the states after it.
        calls: (size,) int64 on the model's device, increased by the network calls of each text.
        Raises DataError for a sampler or a clamp that the model does not support.
        """

    def drawing(self, steps: int) -> Drawing:
        """Settings of the sampler from the experiment, with this number of steps."""
        settings = self.experiment.sampling
        return Drawing(
            settings.sampler,
            steps,
            denoise=settings.denoise,
            precision=settings.precision,
            top_p=settings.top_p,
            options=settings.options(),
        )

    def generator(self, seed: int, *name: str | int) -> torch.Generator:
        """The random generator for `draw`, on the device that the experiment's precision requires.

        name: what it is used for; each use has its own generator.
        """
        precision = self.experiment.sampling.precision
        return sampler_generator(seed, *name, precision=precision, device=self.device)

    def provenance(self, identity: Identity, seed: int, seconds: float | None = None) -> Provenance:
        """Where a result of this model comes from. identity: the settings that the result depends
        on.
        """
        return Provenance(
            config_sha256=self.experiment.sha256(),
            identity_sha256=section_sha256(identity),
            checkpoint_sha256=self.checkpoint_sha256,
            code_version=code_version(),
            seed=seed,
            device=device_name(self.device),
            created=now(),
            seconds=None if seconds is None else round(seconds, 2),
            tokenizer_sha256=self.tokenizer.sha256,
        )


@dataclass(frozen=True)
class NetworkModel(LanguageModel):
    """A network of this project with averaged weights, and the objective it was trained with."""

    network: DiffusionTransformer
    objective: Objective

    @property
    def is_exact(self) -> bool:
        return self.objective.is_exact

    def autocast(self) -> torch.autocast:
        """The precision of the network: as in training, or `auto` for a published model."""
        experiment = self.experiment
        precision = experiment.training.precision if isinstance(experiment, Experiment) else "auto"
        return autocast(precision, self.device)

    def is_padded(self, length: int) -> bool:
        """Whether the network reads a text of this length with padding after it, as in training. An
        autoregressive model does not look at what follows.
        """
        is_short = self.objective.pad is not None and length < self.experiment.data.length
        return is_short and not self.objective.network.causal

    def padded(self, x0: Tensor) -> Tensor:
        """Token ids (..., L) with the padding that the network reads after them."""
        if not self.is_padded(x0.shape[-1]):
            return x0
        assert self.objective.pad is not None, "see is_padded"
        missing = self.experiment.data.length - x0.shape[-1]
        return F.pad(x0, (0, missing), value=self.objective.pad)

    def negative_log_likelihood(
        self, x0: Tensor, generator: torch.Generator, given: Tensor | None = None
    ) -> Tensor:
        settings = self.experiment.evaluation
        estimate = Estimate(settings.num_draws, settings.estimator, settings.time_eps)
        x0 = self.padded(x0)
        if given is not None:
            given = F.pad(given, (0, x0.shape[1] - given.shape[1])).to(self.device)
        try:
            with self.autocast():
                return self.objective.negative_log_likelihood(
                    self.network, x0.to(self.device), estimate, generator, given
                ).cpu()
        except ValueError as error:
            raise DataError(f"{self.name}: {error}") from error

    def draw(
        self,
        size: int,
        length: int,
        drawing: Drawing,
        *,
        clamp: Clamp | None,
        generator: torch.Generator,
        on_step: OnStep | None = None,
        calls: Tensor | None = None,
    ) -> Tensor:
        whole, seen = length, on_step
        if self.is_padded(length):
            assert self.objective.pad is not None, "see is_padded"
            whole = self.experiment.data.length
            clamp = padded_clamp(clamp, length, whole, self.objective.pad)
            if on_step is not None:
                seen = _first_tokens(on_step, length)

        try:
            with self.autocast():
                return self.objective.sample(
                    self.network,
                    (size, whole),
                    drawing,
                    clamp=clamp,
                    generator=generator,
                    device=self.device,
                    on_step=seen,
                    calls=calls,
                )[:, :length]
        except ValueError as error:
            raise DataError(f"{self.name}: {error}") from error


def padded_clamp(clamp: Clamp | None, length: int, whole: int, pad: int) -> Clamp:
    """The clamp of texts of `length` tokens with padding after them, up to `whole` tokens."""
    tokens, given = clamp or (
        torch.zeros(length, dtype=torch.int64),
        torch.zeros(length, dtype=torch.bool),
    )
    missing = (0, whole - length)
    return F.pad(tokens, missing, value=pad), F.pad(given, missing, value=True)


def _first_tokens(on_step: OnStep, length: int) -> OnStep:
    """Shows `on_step` the first `length` tokens of the states."""
    return lambda index, x: on_step(index, x[:, :length])
