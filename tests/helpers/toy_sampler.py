"""A sampler from outside the package: every free token becomes token 7 at once."""

from __future__ import annotations

import torch

TOKEN = 7
calls: list[dict] = []


def sample_sevens(scores, graph, noise, shape, *, clamp, device, on_step, **settings):
    calls.append(settings)
    x = torch.full(shape, TOKEN, device=device)
    if clamp is not None:
        tokens, given = clamp
        x = torch.where(given, tokens, x)
    on_step(0, x)
    return x
