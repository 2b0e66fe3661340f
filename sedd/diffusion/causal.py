"""Autoregressive models: the exact likelihood of a text, and texts written token by token.

A text is read from left to right after a start state, V, which no text holds: every token, the first one too, is predicted.
B batch, L sequence length, V vocabulary, H features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.categorical import draw, exponential_race, nucleus
from sedd.diffusion.fast.precision import accumulation_dtype, compute_dtype
from sedd.diffusion.fast.reverse import Precision
from sedd.diffusion.fast.row_chunks import row_cross_entropy, sum_by_sequence


class CausalNetwork(Protocol):
    """A network whose features at a position depend on the tokens up to there alone."""

    def features(
        self, x: Tensor, sigma: None, rows: Tensor | None = None, caches: Any = None
    ) -> Tensor:
        """(n, H) at flat positions `rows` of x (B, L), or at all. caches: x are the tokens after those in them."""
        ...

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """weight (V or V + 1, H) and bias."""
        ...

    def new_caches(self, batch: int, length: int) -> Any:
        """Room for so many sequences and tokens."""
        ...


def causal_cross_entropy(network: CausalNetwork, x0: Tensor, vocab_size: int) -> Tensor:
    """-log p(x0) of each sequence x0 (B, L), exactly: (B,) nats."""
    start = torch.full_like(x0[:, :1], vocab_size)
    read = torch.cat([start, x0[:, :-1]], dim=1)
    table, bias = (part[:vocab_size] for part in network.vocabulary_layer())
    nats = row_cross_entropy(network.features(read, None), table, bias, x0.flatten())
    return sum_by_sequence(nats, None, *x0.shape)


@torch.no_grad()
def sample_causal(
    network: CausalNetwork,
    vocab_size: int,
    shape: Sequence[int],
    *,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
    top_p: float | None = None,
    precision: Precision = "float64",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: Callable[[int, Tensor], None] | None = None,
    cached: bool = True,
) -> Tensor:
    """Draw texts of `shape` (B, L).

    prefix: (P,) or (B, P) first tokens. temperature: divides the logits. top_p: draw from the likeliest tokens of this
    total mass. precision: of the draws, as in `samplers.sample`. on_step: called with the number of the position and the
    texts. cached: run each token through the network once; False: all that stands before it, again and again.
    """
    batch, length = shape
    x = torch.full((batch, length + 1), vocab_size, device=device)
    begin = 0
    if prefix is not None:
        begin = prefix.shape[-1]
        x[:, 1 : begin + 1] = prefix.to(device)
    table, bias = (part[:vocab_size] for part in network.vocabulary_layer())
    caches = network.new_caches(batch, length) if cached else None
    for position in range(begin, length):
        first = 0 if position == begin or not cached else position
        features = network.features(x[:, first : position + 1], None, None, caches)
        last = features.unflatten(0, (batch, -1))[:, -1]
        logits = F.linear(last, table, bias)
        logits = logits.to(accumulation_dtype(compute_dtype(last, table)))
        weights = (logits / temperature).softmax(-1)
        if top_p is not None:
            weights = nucleus(weights, top_p)
        drawn = (
            exponential_race(weights, generator)
            if precision == "float32"
            else draw(weights, generator)
        )
        x[:, position + 1] = drawn
        if on_step is not None:
            on_step(position, x[:, 1:])
    return x[:, 1:]
