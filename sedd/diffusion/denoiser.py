"""Score networks from denoisers: networks that predict the clean token at each position.

A denoiser gives mu(y), the probability that the clean token is y given the noisy text: the softmax
of its logits over the vocabulary. The scores follow from mu, see `Graph.denoiser_scores`. For the
absorbing graph s = mu / (e^sigma - 1), so a score network and a denoiser are the same thing (Ou et
al. 2024, "Your absorbing discrete diffusion secretly models the conditional distributions of clean
data", arXiv 2406.03736, theorem 1). So every sampler of score networks samples from denoisers too.

B batch, L sequence length, V states, H features, n rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork


class Denoiser:
    """A `SplitNetwork` of logits as a score network.

    cached: for a network without noise input. Keeps the features of the last batch, and runs the
        network only on sequences that changed.
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
        """As in `SplitNetwork`."""
        return getattr(self.network, "constant_input_invariant", False)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x (B, L), sigma (B,) or (1,) -> log_score (B, L, V)."""
        weight, bias = self.vocabulary_layer()
        logits = self.features(x, sigma) @ weight.T + bias
        row_sigma = sigma.reshape(-1, 1).expand(x.shape).flatten()
        if self.graph.mask is None:  # at high noise the scores are close to 1: keep their digits
            log_score = self.excess(logits, x.flatten(), row_sigma).log1p()
        else:
            log_score = self.scores(logits, x.flatten(), row_sigma).log()
        return log_score.unflatten(0, x.shape)

    def needs_call(self, x: Tensor) -> Tensor:
        """Whether `features` would run the network on each sequence of x (B, L): (B,) bool."""
        if not self.cached or self._seen is None or self._seen.shape != x.shape:
            return torch.ones(x.shape[0], dtype=torch.bool, device=x.device)
        return (self._seen != x).any(1)

    def features(self, x: Tensor, sigma: Tensor, rows: Tensor | None = None) -> Tensor:
        """As in `SplitNetwork`."""
        if not self.cached:
            self.num_sequences_seen += x.shape[0]
            return self.network.features(x, sigma, rows)
        features = self._update_cache(x, sigma).flatten(0, 1)
        return features if rows is None else features[rows]

    def _update_cache(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Features (B, L, H) of x, computed for the sequences that changed."""
        changed = self.needs_call(x).nonzero()[:, 0]
        if self._seen is None or self._seen.shape != x.shape:
            self._seen, self._features = torch.full_like(x, -1), None
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
        """As in `SplitNetwork`."""
        return self.network.vocabulary_layer()

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        """Zero, (B,): `scores` normalizes the logits."""
        return torch.zeros_like(sigma.reshape(-1))

    def scores(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Scores (n, V), 1 at the state x (n,), from logits (n, V). sigma: (n,)."""
        return self.graph.denoiser_scores(logits, x, sigma)

    def excess(self, logits: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """`scores` minus 1, without the rounding of a number close to 1."""
        return self.graph.denoiser_excess(logits, x, sigma)
