"""Random generators derived from one seed; each use has its own generator, identified by a name.

Random numbers depend only on the seed and the name, e.g. ("noise", step), never on earlier draws.
A resumed run therefore draws the same numbers as an uninterrupted one, without saved generators.
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
    """A generator for the use called `name`. CPUs and GPUs draw different numbers from one seed."""
    import torch

    return torch.Generator(device).manual_seed(derive_seed(seed, *name))


def sampler_generator(
    seed: int, *name: str | int, precision: str, device: torch.device
) -> torch.Generator:
    """A generator for a sampler.

    It is on the CPU, so that texts do not depend on the device. With precision `float32` the
    sampler draws one number per position and state at each step; the generator is then on `device`
    for speed, as in the paper's runs.
    """
    return generator(seed, *name, device=device if precision == "float32" else "cpu")
