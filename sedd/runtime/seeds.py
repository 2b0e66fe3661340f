"""One seed for everything: each use draws from its own generator, named by what it is for.

A draw depends only on the seed and on its name, such as ("noise", step): never on what was drawn before.
So a resumed run draws what the uninterrupted one would have drawn, with no generator state to save.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *name: str | int) -> int:
    """A 63-bit seed for the use called `name`, e.g. derive_seed(1, "noise", 400)."""
    text = "/".join(str(part) for part in (seed, *name))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *name: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for the use called `name`. Devices of different kinds draw different numbers from the same seed."""
    import torch

    return torch.Generator(device).manual_seed(derive_seed(seed, *name))


def sampler_generator(
    seed: int, *name: str | int, precision: str, device: torch.device
) -> torch.Generator:
    """A generator for a sampler's draws: on the CPU, so that a GPU draws the same texts. `float32` takes a number for every
    state of every position at each step: those are drawn where they are used, as in the paper's runs.
    """
    return generator(seed, *name, device=device if precision == "float32" else "cpu")
