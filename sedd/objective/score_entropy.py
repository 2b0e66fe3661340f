"""Score entropy (Lou, Meng and Ermon 2024): learn ratios p(y) / p(x) of texts that differ in one
token.

B batch, L sequence length, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion import (
    Graph,
    Noise,
    VocabularyDraw,
    likelihood_bound,
    require_fast_parts,
    sampled_score_entropy,
    weighted_score_entropy,
)
from sedd.model import DiffusionTransformer
from sedd.objective.diffusion import Diffusion
from sedd.objective.objective import Corrupted, Estimate


@dataclass(frozen=True)
class TokenProposal:
    """Proposal distribution for an estimated loss: beside the batch's own tokens, draw `count` others
    in proportion to `law` (V,), positive.

    See `sedd.diffusion.fast.sampled`.
    """

    law: Tensor
    count: int


class ScoreEntropy(Diffusion):
    """Denoising score entropy, weighted by dsigma.

    vocabulary: estimate the training loss from drawn tokens, TypeError if the graph has no fast
        parts; None: sum over the whole vocabulary.
    fused: as in `sedd.diffusion.score_entropy_loss`.
    """

    def __init__(
        self,
        graph: Graph,
        noise: Noise,
        vocabulary: TokenProposal | None = None,
        fused: bool | None = None,
    ):
        super().__init__(graph, noise)
        if vocabulary is not None:
            require_fast_parts(graph)
        self.vocabulary = vocabulary
        self.fused = fused

    def scores(self, model: DiffusionTransformer) -> DiffusionTransformer:
        return model

    def loss(
        self, model: DiffusionTransformer, batch: Corrupted, drawn: VocabularyDraw | None
    ) -> Tensor:
        noisy = model, self.graph, batch.sigma, batch.weight, batch.xt, batch.x0
        padding = self.padding(batch.x0)
        if drawn is None:
            return weighted_score_entropy(*noisy, self.fused, padding)
        return sampled_score_entropy(*noisy, drawn, padding)

    def draw_vocabulary(self, x0: Tensor, generator: torch.Generator) -> VocabularyDraw | None:
        if self.vocabulary is None:
            return None
        return VocabularyDraw.draw(self.vocabulary.law, self.vocabulary.count, x0, generator)

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
            fused=self.fused,
            given=given,
            padding=self.padding(x0),
        )
