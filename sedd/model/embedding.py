"""Embeddings of tokens and of the noise level.

B batch, L sequence length, V states, H hidden width, C width of the conditioning.
sigma: total noise.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sedd.model.initial import draw_linear_, draw_uniform_, linear

NUM_FREQUENCIES = 256  # width of the sinusoid, fixed in the published models


class TokenEmbedding(nn.Module):
    """A table (V, H) of token embeddings. (B, L) -> (B, L, H)."""

    def __init__(self, num_states: int, hidden_size: int):
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(num_states, hidden_size))

    def draw_weights(self, generator: torch.Generator | None) -> None:
        """Initialize the weights, see `initial`."""
        draw_uniform_(self.embedding, self.embedding.shape[1], generator)

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x, self.embedding)


def sinusoid(sigma: Tensor, width: int = NUM_FREQUENCIES, max_period: float = 10_000.0) -> Tensor:
    """Cosines, then sines, of sigma at `width / 2` frequencies from 1 down to 1 / max_period.

    (B,) -> (B, width), float32 or wider.
    """
    half = width // 2
    index = torch.arange(half, dtype=torch.float32, device=sigma.device)
    frequency = torch.exp(-math.log(max_period) * index / half)
    angle = rearrange(sigma, "b -> b 1") * frequency
    return torch.cat((angle.cos(), angle.sin()), dim=-1)


class NoiseEmbedding(nn.Module):
    """Two linear layers on the sinusoid of sigma. (B,) -> (B, C)."""

    def __init__(self, cond_dim: int):
        super().__init__()
        self.mlp = nn.Sequential(
            linear(NUM_FREQUENCIES, cond_dim), nn.SiLU(), linear(cond_dim, cond_dim)
        )

    def draw_weights(self, generator: torch.Generator | None) -> None:
        """Initialize the weights, see `initial`."""
        for layer in (self.mlp[0], self.mlp[2]):
            assert isinstance(layer, nn.Linear)
            draw_linear_(layer, generator)

    def forward(self, sigma: Tensor) -> Tensor:
        weight = self.mlp.get_parameter("0.weight")
        return self.mlp(sinusoid(sigma).to(weight.dtype))
