"""A small `SplitNetwork` that is not the project's: features from a table, one linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sedd.diffusion import Graph


class LinearNetwork(nn.Module):
    """Each position sees its own state, its place and the noise. V states, H features."""

    def __init__(self, graph: Graph, length: int, width: int = 6, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64))

        self.scaled = graph.mask is not None
        self.state = draw(graph.num_states, width)
        self.place = draw(length, width)
        self.weight = draw(graph.num_states, width)
        self.bias = draw(graph.num_states)
        self.num_calls = 0

    def features(self, x: Tensor, sigma: Tensor, rows: Tensor | None = None) -> Tensor:
        self.num_calls += 1
        noise = torch.log(sigma.reshape(-1, 1, 1)).to(self.place.dtype)
        neighbour = self.state[x.roll(1, dims=1)]
        hidden = torch.tanh(self.state[x] + self.place + 0.3 * neighbour + 0.1 * noise)
        hidden = hidden.flatten(0, 1)
        return hidden if rows is None else hidden[rows]

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        return self.weight, self.bias

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        sigma = sigma.reshape(-1)
        return torch.log(torch.expm1(sigma)) + 1.0 if self.scaled else torch.zeros_like(sigma)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        logits = self.features(x, sigma) @ self.weight.T + self.bias
        log_score = logits.unflatten(0, x.shape) - self.log_score_offset(sigma)[:, None, None]
        return log_score.scatter(-1, x[..., None], 0.0)
