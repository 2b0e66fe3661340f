"""Networks that say which clean token stands at each position, and what that says of scores.

A denoiser gives mu(y), the probability that the clean token is y, given the noisy text: the softmax of its logits over the
vocabulary. The ratios of the noisy law follow: p(x with y) / p(x) = sum over x0 of mu(x0) p(y | x0) / p(x | x0). For the
absorbing graph that is mu(y) / (e^sigma - 1): with mu = s (e^sigma - 1) a score network and a denoiser are the same thing
(Ou et al. 2024, "Your absorbing discrete diffusion secretly models the conditional distributions of clean data", theorem 1).
So all samplers of score networks are samplers of denoisers.

B batch, L sequence length, V states, n rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork


class Denoiser:
    """The score network that a network of logits implies; a `SplitNetwork` whose logits become scores by `scores_`.

    cached: for a network that does not look at the noise: keep its features, and ask it again only about sequences that
    have changed since.
    """

    def __init__(self, network: SplitNetwork, graph: Graph, cached: bool = False):
        self.network = network
        self.graph = graph
        self.cached = cached
        self.num_sequences_seen = 0  # by the network, in all calls
        self._seen: Tensor | None = None  # (B, L)
        self._features: Tensor | None = None  # (B, L, H)

    @property
    def constant_input_invariant(self) -> bool:
        """As `SplitNetwork`."""
        return getattr(self.network, "constant_input_invariant", False)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x (B, L), sigma (B,) or (1,) -> log_score (B, L, V)."""
        weight, bias = self.vocabulary_layer()
        logits = self.features(x, sigma) @ weight.T + bias
        rows_sigma = sigma.reshape(-1, 1).expand(x.shape).flatten()
        return self.scores_(logits, x.flatten(), rows_sigma).log().unflatten(0, x.shape)

    def features(self, x: Tensor, sigma: Tensor, rows: Tensor | None = None) -> Tensor:
        """As `SplitNetwork`."""
        if not self.cached:
            self.num_sequences_seen += x.shape[0]
            return self.network.features(x, sigma, rows)
        features = self._remembered(x, sigma).flatten(0, 1)
        return features if rows is None else features[rows]

    def _remembered(self, x: Tensor, sigma: Tensor) -> Tensor:
        if self._seen is None or self._features is None or self._seen.shape != x.shape:
            changed = torch.arange(x.shape[0], device=x.device)
            self._seen, self._features = torch.full_like(x, -1), None
        else:
            changed = (self._seen != x).any(1).nonzero()[:, 0]
        if changed.numel():
            self.num_sequences_seen += changed.numel()
            new = self.network.features(x[changed], sigma[:1], None)
            new = new.unflatten(0, (changed.numel(), x.shape[1]))
            if self._features is None:
                self._features = new
            else:
                self._features[changed] = new
            self._seen[changed] = x[changed]
        assert self._features is not None
        return self._features

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """As `SplitNetwork`."""
        return self.network.vocabulary_layer()

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        """Nothing is taken off logits: `scores_` normalises them."""
        return torch.zeros_like(sigma.reshape(-1))

    def scores_(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Scores (n, V), 1 at the state x (n,), from logits (n, V), which may be overwritten. sigma: (n,)."""
        return self.graph.denoiser_scores_(logits, x, sigma)
