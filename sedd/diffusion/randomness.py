"""Random numbers from an explicit generator, for any device.

Numbers are drawn on the device of the generator and then moved, so that a CPU generator gives the
same run on a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def rand(shape: Sequence[int], generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Uniform numbers on [0, 1) of the given shape, float64.

    float32 has steps of 2^-24, a relative error of about 1 % at a probability of 1e-5.
    """
    draw_device = generator.device if generator is not None else device
    u = torch.rand(tuple(shape), generator=generator, dtype=torch.float64, device=draw_device)
    return u.to(device)


def randint(
    high: int, shape: Sequence[int], generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Uniform integers in [0, high), int64."""
    draw_device = generator.device if generator is not None else device
    return torch.randint(high, tuple(shape), generator=generator, device=draw_device).to(device)
