"""Autoregressive training: predict each token from those before it. The likelihood is exact.

B batch, L sequence length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion import VocabularyDraw, causal_cross_entropy, check_prefix
from sedd.model import DiffusionTransformer
from sedd.objective.objective import (
    Clamp,
    Corrupted,
    Drawing,
    Estimate,
    NetworkKind,
    Objective,
    OnStep,
)
from sedd.registry import SAMPLERS


class Autoregressive(Objective):
    """Cross entropy of the next token. Texts are not corrupted; times and noise levels are unused."""

    is_exact = True

    @property
    def network(self) -> NetworkKind:
        # the extra state is the start state before each text
        return NetworkKind(extra_state=True, causal=True, uses_noise=False)

    def corrupt(
        self, x0: Tensor, t: Tensor, weight: Tensor, generator: torch.Generator | None
    ) -> Corrupted:
        return Corrupted(x0, x0, t, torch.zeros_like(t), weight)

    def loss(
        self, model: DiffusionTransformer, batch: Corrupted, drawn: VocabularyDraw | None
    ) -> Tensor:
        padding = self.padding(batch.x0)
        nats = causal_cross_entropy(model, batch.x0, self.vocab_size, padding=padding)
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
        """-log p(x0) of each sequence, exact: (B,) nats, float64. `estimate` is unused.

        given: a prefix of each sequence, else ValueError.
        """
        padding = self.padding(x0)
        return causal_cross_entropy(model, x0, self.vocab_size, given, padding).double()

    def check_clamp(self, given: Tensor) -> None:
        """Raise ValueError unless `given` is a prefix, the same for all texts of a batch."""
        rows = given.reshape(-1, given.shape[-1])
        check_prefix(rows)
        if bool((rows != rows[0]).any()):
            raise ValueError("the prefixes of a batch must have the same length")

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
        if not info.left_to_right:
            raise ValueError(
                f"an autoregressive model has {', '.join(SAMPLERS.names(left_to_right=True))}; "
                f"{drawing.sampler} draws from diffusion models"
            )
        prefix = None
        if clamp is not None:
            tokens, given = clamp
            self.check_clamp(given)
            prefix = tokens[..., : int(given.reshape(-1, shape[1])[0].sum())]
        return info.load()(
            model,
            self.vocab_size,
            shape,
            prefix=prefix,
            **drawing.arguments(),
            generator=generator,
            device=device,
            on_step=on_step,
            calls=calls,
        )
