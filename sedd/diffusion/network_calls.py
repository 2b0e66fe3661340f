"""The number of network calls that each text costs, which is how samplers are compared.

A call counts for a text only if one of its positions could still change: a finished text in a batch
costs nothing more. With a cached denoiser (`sedd.diffusion.denoiser`), a call counts only for texts
that changed since the last one.

B batch, L sequence length, n rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sedd.diffusion.denoiser import Denoiser
from sedd.diffusion.network import ScoreFunction


def count_calls_(calls: Tensor | None, model: ScoreFunction, x: Tensor, rows: Tensor) -> None:
    """Count the call of `model` on x (B, L) that redraws the flat positions `rows` (n,).

    calls: (B,) int64, increased in place by 0 or 1; None: nothing is counted. Call this before the
        network runs. It does not wait for the device.
    """
    if calls is None:
        return
    active = torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
    active.index_fill_(0, rows // x.shape[1], True)
    if isinstance(model, Denoiser):
        active &= model.needs_call(x)
    calls += active
