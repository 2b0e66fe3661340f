"""Dropout whose masks are drawn before the network runs, each sequence's from a generator of its own.

So what a sequence keeps does not depend on its batch mates, nor on which device or part of a batch it is in; and a compiled
network sees plain inputs.
differs from the official code, where one global generator draws for all as the network runs: its masks depend on the batch and on
the number of processes.

B batch, n blocks, L sequence length, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BRANCHES = 2  # of a block that are dropped out: attention and MLP
LOWEST = -(2**63)
LEVELS = 2**16  # of a number that decides about an element


def kept_share(dropout: float) -> float:
    """The probability with which an element stays: 1 - dropout in steps of 2^-16, at least one of them."""
    return max(1, round((1 - dropout) * LEVELS)) / LEVELS


def draw_kept(
    share: float,
    shape: tuple[int, int, int, int],
    generators: Sequence[torch.Generator] | None,
    device: torch.device,
) -> Tensor:
    """Which elements of each branch stay, each with probability `share`, see `kept_share`: (B, n, 2, L, H), bool.

    shape: (B, n, L, H), H even. generators: one for each sequence, of the CPU or of `device`, used in one call each; None:
    torch's global one.
    Raises ValueError if their number is not B.
    """
    batch, blocks, length, width = shape
    drawn_on = device if generators is None or not generators else generators[0].device
    # a sequence's masks lie together, so that one call fills them, and each number of 64 bits decides about four elements: to
    # draw is most of the work, and a CPU draws one after the other
    decided = 64 // 16
    elements = blocks * BRANCHES * length * width
    numbers = torch.empty(batch, elements // decided, dtype=torch.int64, device=drawn_on)
    if generators is None:
        numbers.random_(LOWEST, None)
    elif len(generators) != batch:
        raise ValueError(
            f"dropout_generators has {len(generators)} generators for {batch} sequences; give one for each"
        )
    else:
        for row, generator in zip(numbers, generators, strict=True):
            row.random_(LOWEST, None, generator=generator)
    kept = stays(numbers, share).view(batch, blocks, BRANCHES, length, width)
    return kept.to(device, non_blocking=True)


def stays(numbers: Tensor, share: float) -> Tensor:
    """What each number of 64 bits (..., n) says of four elements: (..., 4 n), bool, true of a share `share` of all numbers."""
    return numbers.view(torch.int16) >= LEVELS // 2 - round(share * LEVELS)
