"""D3PM (Austin et al. 2021): predict the clean token, by the bound of discrete-time diffusion.

B batch, L sequence length, T steps of the forward process.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion import (
    Denoiser,
    Graph,
    Noise,
    StepGrid,
    VocabularyDraw,
    check_given,
    corrupt_rest,
    d3pm_divergence,
)
from sedd.diffusion.randomness import rand
from sedd.model import DiffusionTransformer
from sedd.objective.diffusion import Diffusion
from sedd.objective.objective import Corrupted, Estimate


class D3PM(Diffusion):
    """The bound of `d3pm_divergence`, plus a cross entropy in training.

    num_steps: T. cross_entropy: weight of -log mu(x0) in the training loss.
    time_eps: times passed to `corrupt` lie in [time_eps, 1]. Must be below 1 / T, else ValueError.
    """

    def __init__(
        self,
        graph: Graph,
        noise: Noise,
        num_steps: int,
        cross_entropy: float = 0.0,
        time_eps: float = 0.0,
    ):
        super().__init__(graph, noise)
        if not time_eps * num_steps < 1:
            raise ValueError(f"time_eps must be below {1 / num_steps:g}, got {time_eps:g}")
        self.grid = StepGrid(noise, num_steps)
        self.cross_entropy = cross_entropy
        self.time_eps = time_eps

    def corrupt(
        self, x0: Tensor, t: Tensor, weight: Tensor, generator: torch.Generator | None
    ) -> Corrupted:
        index = self.grid.index(t)
        # times below time_eps, part of the first step, are never drawn
        first = (1 - self.time_eps) / (1 - self.time_eps * self.grid.num_steps)
        weight = weight * torch.where(index == 1, first, 1 - self.time_eps)
        return self._at_steps(x0, index, weight, generator)

    def _at_steps(
        self,
        x0: Tensor,
        index: Tensor,
        weight: Tensor,
        generator: torch.Generator | None,
        given: Tensor | None = None,
    ) -> Corrupted:
        """States after steps `index` (B,). weight: (B,) weight in a mean over steps."""
        num_steps = self.grid.num_steps
        if (padding := self.padding(x0)) is not None:
            given = padding if given is None else given | padding
        xt = corrupt_rest(self.graph, x0, self.grid.levels(index)[1], generator, given)
        t = index.double() / num_steps
        return Corrupted(x0, xt, t, self.grid.sigma_at(index), weight * num_steps)

    def scores(self, model: DiffusionTransformer) -> Denoiser:
        return Denoiser(model, self.graph)

    def loss(
        self, model: DiffusionTransformer, batch: Corrupted, drawn: VocabularyDraw | None
    ) -> Tensor:
        return self._weighted(model, batch, self.cross_entropy)

    def bound(self, model: DiffusionTransformer, batch: Corrupted) -> Tensor:
        return self._weighted(model, batch, 0.0)

    def _weighted(
        self, model: DiffusionTransformer, batch: Corrupted, cross_entropy: float
    ) -> Tensor:
        index = self.grid.index(batch.t)
        nats = d3pm_divergence(
            model,
            self.graph,
            self.grid,
            index,
            batch.xt,
            batch.x0,
            cross_entropy,
            self.padding(batch.x0),
        )
        return batch.weight.to(nats.dtype) * nats

    @torch.no_grad()
    def negative_log_likelihood(
        self,
        model: DiffusionTransformer,
        x0: Tensor,
        estimate: Estimate,
        generator: torch.Generator | None,
        given: Tensor | None = None,
    ) -> Tensor:
        """Bound of each sequence over all steps: (B,) nats, float64. `estimate.time_eps` is unused."""
        check_given(self.graph, given)
        total = torch.zeros(x0.shape[0], dtype=torch.float64, device=x0.device)
        num_steps = self.grid.num_steps
        for draw in range(estimate.num_draws):
            u = rand(x0.shape[:1], generator, x0.device)
            if estimate.estimator == "stratified":
                u = (draw + u) / estimate.num_draws
            index = (u * num_steps).long().clamp(max=num_steps - 1) + 1
            states = self._at_steps(x0, index, torch.ones_like(u), generator, given)
            total += self.bound(model, states)
        return total / estimate.num_draws
