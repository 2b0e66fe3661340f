"""Masked diffusion: the cross entropy of masked tokens, weighted to a likelihood bound.

Sources: lambda-DCE of RADD, Ou et al. 2024; MDLM, Sahoo et al. 2024. Equations in
`sedd.diffusion.denoising`. B batch, L sequence length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion import (
    Absorb,
    Denoiser,
    Noise,
    VocabularyDraw,
    denoising_cross_entropy,
    likelihood_bound,
)
from sedd.model import DiffusionTransformer
from sedd.objective.diffusion import Diffusion
from sedd.objective.objective import Corrupted, Estimate, NetworkKind


class LambdaDCE(Diffusion):
    """Denoising cross entropy over the absorbing graph.

    time_conditioning: whether the noise level is an input of the network. The best prediction at a
        masked position does not depend on it.
    """

    def __init__(self, graph: Absorb, noise: Noise, time_conditioning: bool = False):
        super().__init__(graph, noise)
        self.time_conditioning = time_conditioning

    @property
    def network(self) -> NetworkKind:
        return NetworkKind(extra_state=True, uses_noise=self.time_conditioning)

    def scores(self, model: DiffusionTransformer) -> Denoiser:
        return Denoiser(model, self.graph, cached=not self.time_conditioning)

    def loss(
        self, model: DiffusionTransformer, batch: Corrupted, drawn: VocabularyDraw | None
    ) -> Tensor:
        return denoising_cross_entropy(
            model, self.graph, batch.sigma, batch.weight, batch.xt, batch.x0
        )

    def negative_log_likelihood(
        self,
        model: DiffusionTransformer,
        x0: Tensor,
        estimate: Estimate,
        generator: torch.Generator | None,
        given: Tensor | None = None,
    ) -> Tensor:
        return likelihood_bound(
            model,
            self.graph,
            self.noise,
            x0,
            estimate.num_draws,
            estimator=estimate.estimator,
            time_eps=estimate.time_eps,
            generator=generator,
            loss=denoising_cross_entropy,
            given=given,
            padding=self.padding(x0),
        )
