"""Common base of the diffusion objectives: corrupted texts, and reverse samplers.

B batch, L sequence length, V states.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor

from sedd.diffusion import (
    Absorb,
    Graph,
    Noise,
    Sampler,
    ScoreFunction,
    sample,
    sample_first_hitting,
)
from sedd.model import DiffusionTransformer
from sedd.objective.objective import Clamp, Corrupted, Drawing, NetworkKind, Objective, OnStep


class Diffusion(Objective):
    """An objective with a graph, which corrupts tokens, and a noise schedule."""

    def __init__(self, graph: Graph, noise: Noise):
        super().__init__(graph.vocab_size)
        self.graph = graph
        self.noise = noise

    @property
    def network(self) -> NetworkKind:
        return NetworkKind(extra_state=self.graph.mask is not None)

    def corrupt(
        self, x0: Tensor, t: Tensor, weight: Tensor, generator: torch.Generator | None
    ) -> Corrupted:
        sigma, dsigma = self.noise(t)
        xt = self.graph.sample_transition(x0, sigma, generator)
        return Corrupted(x0, xt, t, sigma, weight * dsigma)

    @abstractmethod
    def scores(self, model: DiffusionTransformer) -> ScoreFunction:
        """The score network of `model`: (x (B, L), sigma (B,)) -> log_score (B, L, V)."""

    def check_given(self, given: Tensor) -> None:
        """Accept any positions."""

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
        if drawing.temperature != 1:
            raise ValueError(
                f"temperature must be 1 with a diffusion model, got {drawing.temperature:g}"
            )
        if drawing.sampler == "first_hitting":
            if not isinstance(self.graph, Absorb):
                raise ValueError("the sampler first_hitting needs the absorbing graph")
            return sample_first_hitting(
                self.scores(model),
                self.graph,
                self.noise,
                shape,
                clamp=clamp,
                top_p=drawing.top_p,
                precision=drawing.precision,
                generator=generator,
                device=device,
                on_step=on_step,
            )
        return sample(
            self.scores(model),
            self.graph,
            self.noise,
            shape,
            drawing.steps,
            sampler=cast(Sampler, drawing.sampler),  # `sample` refuses any other name
            denoise=drawing.denoise,
            clamp=clamp,
            top_p=drawing.top_p,
            precision=drawing.precision,
            generator=generator,
            device=device,
            on_step=on_step,
        )
