"""Autoregressive models: exact likelihoods, and texts drawn from left to right.

A text follows a start state, so that every token is predicted, the first one included. Our networks
use V as start state, which no text holds. B batch, L sequence length, V vocabulary, H features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision, draw
from sedd.diffusion.fast.precision import accumulation_dtype, compute_dtype
from sedd.diffusion.fast.row_chunks import row_cross_entropy
from sedd.diffusion.fast.rows import sum_by_sequence
from sedd.diffusion.network import CausalSplitNetwork
from sedd.diffusion.sharpening import Sharpening

# New tokens (B, k), which follow those of earlier calls -> logits (B, V) of the next token
NextLogits: TypeAlias = Callable[[Tensor], Tensor]


def causal_cross_entropy(
    network: CausalSplitNetwork,
    x0: Tensor,
    vocab_size: int,
    given: Tensor | None = None,
    padding: Tensor | None = None,
) -> Tensor:
    """-log p(x0) of each sequence x0 (B, L), exact: (B,) nats.

    given: (B, L), true for the tokens of a prefix: -log p of the tokens after it, given the prefix.
    padding: (B, L), true for positions after a sequence's own tokens, which are left out. No own
    token depends on them.
    """
    start = torch.full_like(x0[:, :1], vocab_size)
    inputs = torch.cat([start, x0[:, :-1]], dim=1)
    table, bias = (part[:vocab_size] for part in network.vocabulary_layer())
    nats = row_cross_entropy(network.features(inputs, None), table, bias, x0.flatten())
    if given is not None:
        check_prefix(given)
        nats = nats.masked_fill(given.flatten(), 0.0)
    if padding is not None:
        nats = nats.masked_fill(padding.flatten(), 0.0)
    return sum_by_sequence(nats, None, *x0.shape)


def check_prefix(given: Tensor) -> None:
    """Raise ValueError unless the true entries of each row of `given` (B, L) are its first."""
    if bool((given[:, 1:] & ~given[:, :-1]).any()):
        raise ValueError(
            "an autoregressive model reads from left to right: it takes a prefix, but no suffix "
            "and no tokens in between; diffusion models take any"
        )


@torch.no_grad()
def sample_left_to_right(
    next_logits: NextLogits,
    start: int,
    shape: Sequence[int],
    *,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    precision: DrawPrecision = "float64",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: Callable[[int, Tensor], None] | None = None,
    calls: Tensor | None = None,
) -> Tensor:
    """Draw texts of `shape` (B, L), token by token.

    next_logits: called first with the start state and the prefix, then with each new token.
    start: the state before every text, not part of the result.
    prefix: (P,) or (B, P) first tokens. temperature, top_k, top_p: as in `Sharpening`, with a
        temperature above 0.
    precision: of the draws, as in `samplers.sample`.
    on_step: called with the index of each drawn position and the texts (B, L); later positions
        still hold the start state.
    calls: (B,) int64, increased by one for each text and each position that is drawn.
    """
    sharpening = Sharpening(top_k=top_k, top_p=top_p)  # of a law at `temperature`
    batch, length = shape
    x = torch.full((batch, length + 1), start, device=device)
    begin = 0
    if prefix is not None:
        begin = prefix.shape[-1]
        x[:, 1 : begin + 1] = prefix.to(device)
    new = x[:, : begin + 1]
    for position in range(begin, length):
        weights = sharpening((next_logits(new) / temperature).softmax(-1))
        if calls is not None:
            calls += 1
        new = draw(weights, generator, precision)[:, None]
        x[:, position + 1 : position + 2] = new
        if on_step is not None:
            on_step(position, x[:, 1:])
    return x[:, 1:]


@torch.no_grad()
def sample_causal(
    network: CausalSplitNetwork,
    vocab_size: int,
    shape: Sequence[int],
    *,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    precision: DrawPrecision = "float64",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: Callable[[int, Tensor], None] | None = None,
    calls: Tensor | None = None,
    cached: bool = True,
) -> Tensor:
    """Draw texts of `shape` (B, L) from a network. Other arguments as in `sample_left_to_right`.

    cached: run each token through the network once. False: run all earlier tokens again at each
        position.
    """
    table, bias = (part[:vocab_size] for part in network.vocabulary_layer())
    caches = network.new_caches(*shape) if cached else None
    seen = torch.empty(shape[0], 0, dtype=torch.int64, device=device)

    def next_logits(new: Tensor) -> Tensor:
        nonlocal seen
        if not cached:
            new = seen = torch.cat([seen, new], dim=1)
        features = network.features(new, None, None, caches)
        last = rearrange(features, "(b l) h -> b l h", b=shape[0], l=new.shape[1])[:, -1]
        logits = F.linear(last, table, bias)
        return logits.to(accumulation_dtype(compute_dtype(last, table)))

    return sample_left_to_right(
        next_logits,
        vocab_size,
        shape,
        prefix=prefix,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        precision=precision,
        generator=generator,
        device=device,
        on_step=on_step,
        calls=calls,
    )
