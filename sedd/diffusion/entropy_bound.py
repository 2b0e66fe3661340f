"""Sampler with an entropy bound: each step fills as many masks as are nearly determined.

Masked positions are sorted by the entropy of their laws. A step fills the longest prefix whose
entropies, without the largest of them, sum to at most gamma. Tokens are drawn independently, so
this sum bounds the information between them that a step ignores.
Source: Ben-Hamu et al. 2025, "Accelerated sampling from masked diffusion models via entropy bounded
unmasking", arXiv 2505.24857.

With gamma = 0, a step fills one position, and those whose tokens are certain. With an exact network
and temperature 1 this is exact: the next position depends on visible tokens only, and its token is
drawn from its conditional law. Any other gamma, temperature, top-k or top-p changes the law, as in
`confidence`. The number of network calls is an outcome, and differs between texts.

B batch, L sequence length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.confidence import by_entropy, fill_in_order
from sedd.diffusion.grid_samplers import StepCallback
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.noise import Noise
from sedd.diffusion.sharpening import Sharpening


def sample_entropy_bound(
    model: ScoreFunction,
    graph: Absorb,
    noise: Noise,
    shape: Sequence[int],
    *,
    gamma: float = 0.1,
    clamp: tuple[Tensor, Tensor] | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    precision: DrawPrecision = "float64",
    eps: float = 1e-5,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: StepCallback | None = None,
    calls: Tensor | None = None,
) -> Tensor:
    """Draw states of `shape` (B, L) in at most L steps.

    gamma: bound in nats, at least 0; infinite: all masks in one step. temperature: 0 takes the
        likeliest token.
    Other arguments as in `samplers.sample`. Raises ValueError for settings that cannot be used.
    """
    if not gamma >= 0:
        raise ValueError(f"gamma must be at least 0, got {gamma}")

    def how_many(entropies: Tensor, index: int) -> Tensor:
        before = F.pad(entropies.cumsum(1)[:, :-1], (1, 0))  # sum without the largest
        return ((before <= gamma) & entropies.isfinite()).sum(1)

    return fill_in_order(
        model, graph, noise, shape, by_entropy, how_many, steps=shape[1], clamp=clamp,
        sharpening=Sharpening(temperature, top_k, top_p), precision=precision, eps=eps,
        generator=generator, device=device, on_step=on_step, calls=calls,
    )  # fmt: skip
