"""Common base of the diffusion objectives: corrupted texts, and reverse samplers.

B batch, L sequence length, V states.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from sedd.diffusion import Graph, Noise, ScoreFunction, corrupt_rest
from sedd.model import DiffusionTransformer
from sedd.objective.objective import Clamp, Corrupted, Drawing, NetworkKind, Objective, OnStep
from sedd.registry import SAMPLERS


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
        xt = corrupt_rest(self.graph, x0, sigma, generator, self.padding(x0))
        return Corrupted(x0, xt, t, sigma, weight * dsigma)

    @abstractmethod
    def scores(self, model: DiffusionTransformer) -> ScoreFunction:
        """The score network of `model`: (x (B, L), sigma (B,)) -> log_score (B, L, V)."""

    def check_clamp(self, given: Tensor) -> None:
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
        calls: Tensor | None = None,
    ) -> Tensor:
        info = SAMPLERS[drawing.sampler]
        if info.left_to_right:
            raise ValueError(
                f"{drawing.sampler} draws from autoregressive models; a diffusion model has "
                f"{', '.join(SAMPLERS.names(left_to_right=False))}"
            )
        if info.needs_mask and self.graph.mask is None:
            raise ValueError(f"{drawing.sampler} fills masks: it needs a graph with a mask state")
        if info.refuses_mask and self.graph.mask is not None:
            raise ValueError(f"{drawing.sampler} needs a graph without a mask state")
        return info.load()(
            self.scores(model),
            self.graph,
            self.noise,
            shape,
            **drawing.arguments(),
            clamp=clamp,
            generator=generator,
            device=device,
            on_step=on_step,
            calls=calls,
        )
