"""Dropout masks, drawn before the network runs, with one generator for each sequence.

So the masks of a sequence do not depend on the other sequences of its batch, on the rank, or on the
micro-batch, and a compiled network has plain inputs.
differs from the official code, where one global generator draws all masks as the network runs: they
depend on the batch and on the number of ranks.

B batch, n blocks, L sequence length, H hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BRANCHES = 2  # of a block, each with dropout: attention and MLP
LOWEST = -(2**63)
LEVELS = 2**16  # values of the 16 bits that decide about one element


def keep_probability(dropout: float) -> float:
    """Probability of keeping an element: 1 - dropout, rounded to a multiple of 2^-16, at least
    2^-16.
    """
    return max(1, round((1 - dropout) * LEVELS)) / LEVELS


def draw_kept(
    probability: float,
    shape: tuple[int, int, int, int],
    generators: Sequence[torch.Generator] | None,
    device: torch.device,
) -> Tensor:
    """Masks of the kept elements of each branch: (B, n, 2, L, H), bool.

    probability: see `keep_probability`. shape: (B, n, L, H), H even.
    generators: one per sequence, on the CPU or on `device`, each used in one call; None: torch's
        global generator.
    Raises ValueError if the number of generators is not B.
    """
    batch, blocks, length, width = shape
    draw_device = device if generators is None or not generators else generators[0].device
    # The masks of a sequence are adjacent in memory, so that one call fills them. Each 64-bit
    # number decides about four elements: drawing takes most of the time, and a CPU draws one by
    # one.
    elements_per_number = 64 // 16
    elements = blocks * BRANCHES * length * width
    numbers = torch.empty(
        batch, elements // elements_per_number, dtype=torch.int64, device=draw_device
    )
    if generators is None:
        numbers.random_(LOWEST, None)
    elif len(generators) != batch:
        raise ValueError(
            f"dropout_generators has {len(generators)} generators for {batch} sequences; give one "
            "for each"
        )
    else:
        for row, generator in zip(numbers, generators, strict=True):
            row.random_(LOWEST, None, generator=generator)
    kept = kept_elements(numbers, probability).view(batch, blocks, BRANCHES, length, width)
    return kept.to(device, non_blocking=True)


def kept_elements(numbers: Tensor, probability: float) -> Tensor:
    """Decisions of 64-bit numbers (..., n) about four elements each: (..., 4 n), bool.

    Over all numbers, the fraction `probability` is true.
    """
    return numbers.view(torch.int16) >= LEVELS // 2 - round(probability * LEVELS)
