"""Dropout whose masks are drawn before the network runs, each sequence's from a generator of its own.

So what a sequence keeps does not depend on its batch mates, nor on which device or part of a batch it is in; and a compiled
network sees plain inputs.

B batch, n blocks, L sequence length, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BRANCHES = 2  # of a block that are dropped out: attention and MLP
LOWEST = -(2**63)


def draw_kept(
    share: float,
    shape: tuple[int, int, int, int],
    generators: Sequence[torch.Generator] | None,
    device: torch.device,
) -> Tensor:
    """Which elements of each branch stay, each with probability `share` (to 2^-32): (B, n, 2, L, H), bool.

    shape: (B, n, L, H). generators: one for each sequence, of the CPU or of `device`, used in one call each; None: torch's
    global one.
    Raises ValueError if their number is not B.
    """
    batch, blocks, length, width = shape
    drawn_on = device if generators is None or not generators else generators[0].device
    # a sequence's masks lie together, so that one call fills them: two of 32 bits from each number of 64, a third of the
    # time of a Bernoulli draw for each on a CPU
    numbers = torch.empty(
        batch, blocks, BRANCHES, length, width // 2, dtype=torch.int64, device=drawn_on
    )
    if generators is None:
        numbers.random_(LOWEST, None)
    elif len(generators) != batch:
        raise ValueError(
            f"dropout_generators has {len(generators)} generators for {batch} sequences; give one for each"
        )
    else:
        for row, generator in zip(numbers, generators, strict=True):
            row.random_(LOWEST, None, generator=generator)
    kept = numbers.view(torch.int32) >= round((1 - share) * 2**32) - 2**31
    return kept.to(device, non_blocking=True)
