"""Random numbers from an explicit generator, for any device.

Numbers are drawn where the generator lives and then moved, so that a CPU generator gives the same
run on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def rand(shape: Sequence[int], generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Uniform on [0, 1) in float64: the float32 grid of 2^-24 is too coarse for rates of 1e-5."""
    drawn_on = generator.device if generator is not None else device
    drawn = torch.rand(tuple(shape), generator=generator, dtype=torch.float64, device=drawn_on)
    return drawn.to(device)


def randint(
    high: int, shape: Sequence[int], generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Uniform integers in [0, high), int64."""
    drawn_on = generator.device if generator is not None else device
    return torch.randint(high, tuple(shape), generator=generator, device=drawn_on).to(device)
