"""First-hitting sampler for the absorbing graph: one token per step, at exactly drawn times.

Let lambda = 1 - e^-sigma be the noise level. Going back from lambda, each of n masked tokens is
still masked at lambda' < lambda with probability lambda' / lambda, independently. So the first
unmasking happens at lambda u^(1/n), u uniform, at any of the n positions with equal probability.
There is no error from a time grid. Each masked token costs one network call.
Source: Zheng et al. 2024, arXiv 2409.02908.

B batch, L sequence length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.fast.parts import fast_parts
from sedd.diffusion.grid_samplers import StepCallback, check_settings, reverse_step, start
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.noise import Noise
from sedd.diffusion.randomness import of_texts, rand
from sedd.diffusion.sharpening import Sharpening


@torch.no_grad()
def sample_first_hitting(
    model: ScoreFunction,
    graph: Absorb,
    noise: Noise,
    shape: Sequence[int],
    *,
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
    """Draw states of `shape` (B, L). Arguments as in `samplers.sample`.

    The network sees sigma(eps) for all times below `eps`.
    """
    sharpening = Sharpening(temperature, top_k, top_p)
    check_settings(graph, 1, "analytic", precision, sharpening)
    x, _ = start(graph, shape, clamp, generator, torch.device(device))
    fused = fast_parts(graph) is not None
    reverse = reverse_step(model, graph, generator, precision, sharpening, fused)
    ends = noise(torch.tensor([eps, 1.0], dtype=torch.float64, device=x.device))[0]
    lowest, highest = -torch.expm1(-ends)
    level = highest.expand(x.shape[0]).clone()  # lambda of each sequence
    for index in range(x.shape[1]):
        masked = x == graph.mask
        count = masked.sum(1)
        incomplete = (count > 0).nonzero()[:, 0]  # sequences
        if not incomplete.numel():
            break
        reverse.generator = draws = of_texts(generator, incomplete)
        u = rand(incomplete.shape, draws, x.device)
        level[incomplete] *= u ** (1 / count[incomplete].double())
        sigma = -torch.log1p(-torch.maximum(level[incomplete], lowest))
        order = rand((incomplete.numel(), x.shape[1]), draws, x.device)
        position = order.masked_fill(~masked[incomplete], -1.0).argmax(1)
        part = x[incomplete]
        rows = torch.arange(incomplete.numel(), device=x.device) * x.shape[1] + position
        if calls is not None:
            new_calls = torch.zeros_like(incomplete)
            count_calls_(new_calls, model, part, rows)
            calls[incomplete] += new_calls
        # step 1.0: in a denoising step of this graph, sigma is a common factor, which cancels
        reverse.move_(part, rows, "denoise", sigma.float(), 1.0)
        x[incomplete] = part
        if on_step is not None:
            on_step(index, x)
    return x
