"""A model, opened for sampling and measuring: a run of ours, or one that others trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.config import Experiment, Identity, Measured, section_sha256
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
class Run:
    """What is asked of every model: nats of given texts, and texts of its own. B texts, L tokens."""

    experiment: Measured
    step: int
    tokenizer: Tokenizer
    device: torch.device
    checkpoint_sha256: str

    @property
    def exact(self) -> bool:
        """Whether `nats` is the negative log likelihood itself, not an upper bound on it."""
        return True

    def negative_log_likelihood(self, x0: Tensor, generator: torch.Generator) -> Tensor:
        """Of each text x0 (B, L): (B,) float64 on the CPU."""
        raise NotImplementedError

    def draw(
        self,
        size: int,
        length: int,
        drawing: Drawing,
        *,
        clamp: Clamp | None,
        generator: torch.Generator,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Texts (size, length). clamp: tokens and where they stand, each (L,) or (B, L).

        Raises DataError for a drawing that the model cannot do.
        """
        raise NotImplementedError

    def drawing(self, steps: int) -> Drawing:
        """How texts are drawn: as the experiment says, in so many steps."""
        settings = self.experiment.sampling
        return Drawing(
            settings.sampler,
            steps,
            denoise=settings.denoise,
            precision=settings.precision,
            top_p=settings.top_p,
            temperature=settings.temperature,
        )

    def generator(self, seed: int, *name: str | int) -> torch.Generator:
        """For `draw`; of the use called `name`."""
        precision = self.experiment.sampling.precision
        return sampler_generator(seed, *name, precision=precision, device=self.device)

    def provenance(self, identity: Identity, seed: int, seconds: float | None = None) -> Provenance:
        """Where a result of this model comes from. identity: the settings that the result depends on."""
        return Provenance(
            config_sha256=self.experiment.sha256(),
            identity_sha256=section_sha256(identity),
            checkpoint_sha256=self.checkpoint_sha256,
            code_version=code_version(),
            seed=seed,
            device=device_name(self.device),
            created=now(),
            seconds=None if seconds is None else round(seconds, 2),
        )


@dataclass(frozen=True)
class NetworkRun(Run):
    """A network of this project, with averaged weights, and what it was trained for."""

    model: DiffusionTransformer
    objective: Objective

    @property
    def exact(self) -> bool:
        return self.objective.exact

    def autocast(self) -> torch.autocast:
        made = self.experiment
        precision = made.training.precision if isinstance(made, Experiment) else "auto"
        return autocast(precision, self.device)

    def negative_log_likelihood(self, x0: Tensor, generator: torch.Generator) -> Tensor:
        settings = self.experiment.evaluation
        estimate = Estimate(settings.num_draws, settings.estimator, settings.time_eps)
        with self.autocast():
            return self.objective.negative_log_likelihood(
                self.model, x0.to(self.device), estimate, generator
            ).cpu()

    def draw(
        self,
        size: int,
        length: int,
        drawing: Drawing,
        *,
        clamp: Clamp | None,
        generator: torch.Generator,
        on_step: OnStep | None = None,
    ) -> Tensor:
        try:
            with self.autocast():
                return self.objective.sample(
                    self.model,
                    (size, length),
                    drawing,
                    clamp=clamp,
                    generator=generator,
                    device=self.device,
                    on_step=on_step,
                )
        except ValueError as error:
            raise DataError(f"{self.experiment.name}: {error}") from error
