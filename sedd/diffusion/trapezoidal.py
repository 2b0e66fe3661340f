"""Theta-trapezoidal sampler: reverse steps of second order, with two network calls each.

See `trapezoidal_step`. B batch, L sequence length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.fast.parts import fast_parts
from sedd.diffusion.fast.trapezoidal import TrapezoidalStep
from sedd.diffusion.gibbs_corrector import clamp_corrector
from sedd.diffusion.graph import Graph
from sedd.diffusion.grid_samplers import StepCallback, check_settings, start
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.noise import Noise
from sedd.diffusion.sharpening import Sharpening
from sedd.diffusion.trapezoidal_step import PlainTrapezoidalStep, movable, plan_stages


@torch.no_grad()
def sample_trapezoidal(
    model: ScoreFunction,
    graph: Graph,
    noise: Noise,
    shape: Sequence[int],
    steps: int,
    *,
    theta: float = 0.5,
    denoise: bool = True,
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
    fused: bool = True,
) -> Tensor:
    """Draw states of `shape` (B, L) in `steps` steps of two network calls.

    theta: share of a step before the second call, in (0, 1).
    precision: "float32" runs on the definitions, with tables (B, L, V).
    Other arguments as in `samplers.sample`. Raises ValueError for settings that cannot be used.
    """
    if not 0.0 < theta < 1.0:
        raise ValueError(f"theta must lie between 0 and 1, got {theta}")
    sharpening = Sharpening(temperature, top_k, top_p)
    check_settings(graph, steps, "analytic", precision, sharpening)
    x, free = start(graph, shape, clamp, generator, torch.device(device))
    sigma = noise(torch.linspace(1.0, eps, steps + 1, dtype=torch.float64))[0]
    middle, plan = plan_stages(graph, sigma, theta)
    # all levels in one copy: a copy at every step would synchronize the device
    levels = torch.cat([sigma, middle]).to(device=x.device, dtype=torch.float32)
    is_fast = fused and precision == "float64" and fast_parts(graph) is not None
    make = TrapezoidalStep if is_fast else PlainTrapezoidalStep
    step = make(model, graph, generator, precision, sharpening)
    corrector = clamp_corrector(model, graph, x, free, generator, precision, calls)
    for index in range(steps + denoise):
        rows = movable(graph, x, free)
        if not rows.numel():
            break
        level = levels[index : index + 1]
        if index < steps:
            half = levels[steps + 1 + index : steps + 2 + index]
            step.leap_(x, rows, level, half, plan[index], calls)
            if corrector is not None:
                corrector(x, free, levels[index + 1 : index + 2])
        else:
            count_calls_(calls, model, x, rows)
            step.move_(x, rows, "denoise", level, float(sigma[-1]))
        if on_step is not None:
            on_step(index, x)
    return x
