"""First-hitting sampler for the absorbing graph: one token a step, at times drawn exactly.

Going back from noise level lambda = 1 - e^-sigma, each of n masked tokens is masked still at
lambda' < lambda with probability lambda' / lambda, on its own. So the first of them is uncovered at
lambda u^(1/n), u uniform, and it is any of them. No error from a time grid, and as many network
calls as there are tokens to fill in.
Source: Zheng et al. 2024, arXiv 2409.02908.

B batch, L sequence length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.fast.reverse import Precision, ReverseStep
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.noise import Noise
from sedd.diffusion.randomness import rand
from sedd.diffusion.samplers import StepCallback, check_settings, start


@torch.no_grad()
def sample_first_hitting(
    model: ScoreFunction,
    graph: Absorb,
    noise: Noise,
    shape: Sequence[int],
    *,
    clamp: tuple[Tensor, Tensor] | None = None,
    top_p: float | None = None,
    precision: Precision = "float64",
    eps: float = 1e-5,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: StepCallback | None = None,
) -> Tensor:
    """Draw states of `shape` (B, L). Arguments as in `samplers.sample`; below time `eps` the
    network is told sigma(eps).
    """
    check_settings(graph, 1, "analytic", precision, top_p, fused=True)
    x, _ = start(graph, shape, clamp, generator, torch.device(device))
    reverse = ReverseStep(model, graph, generator, precision, top_p)
    ends = noise(torch.tensor([eps, 1.0], dtype=torch.float64, device=x.device))[0]
    lowest, highest = -torch.expm1(-ends)
    level = highest.expand(x.shape[0]).clone()  # lambda of each sequence
    for index in range(x.shape[1]):
        masked = x == graph.mask
        count = masked.sum(1)
        open_ = (count > 0).nonzero()[:, 0]  # sequences not yet complete
        if not open_.numel():
            break
        u = rand(open_.shape, generator, x.device)
        level[open_] *= u ** (1 / count[open_].double())
        sigma = -torch.log1p(-torch.maximum(level[open_], lowest))
        lot = rand((open_.numel(), x.shape[1]), generator, x.device)
        position = lot.masked_fill(~masked[open_], -1.0).argmax(1)
        part = x[open_]
        rows = torch.arange(open_.numel(), device=x.device) * x.shape[1] + position
        reverse.move_(part, rows, "denoise", sigma.float(), 0.0)
        x[open_] = part
        if on_step is not None:
            on_step(index, x)
    return x
