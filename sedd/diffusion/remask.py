"""Reverse steps that also mask tokens again, so that later steps can correct them (ReMDM).

Legend and source in `remask_rates`. A step fills masks as the analytic step does, with more
probability, and masks tokens that were visible before it. The masked positions have the law of the
forward process at every time, with any denoiser.

With an exact network, the law of the texts tends to that of the data as the number of steps grows:
- forward_backward: the error is proportional to 1 / steps, as for the analytic sampler.
- cap, rescale: at a constant eta, to 1 / sqrt(steps), because many positions move in each step.
- loop: the law that is held at alpha_on, and the final law, keep an error proportional to eta.
- conf: the error stays, because tokens are masked according to their own value. It also has the
  masks of the forward process in number only, and nearly.

B batch, L sequence length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

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
from sedd.diffusion.remask_rates import (
    Cap,
    RemaskSchedule,
    confidence_rates,
    mean_rate,
    remask_schedule,
)
from sedd.diffusion.sharpening import Sharpening


@torch.no_grad()
def sample_remask(
    model: ScoreFunction,
    graph: Absorb,
    noise: Noise,
    shape: Sequence[int],
    steps: int,
    *,
    remask: RemaskSchedule | Mapping[str, Any] = Cap(),
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
    """Draw states of `shape` (B, L) in `steps` reverse steps.

    remask: how often tokens are masked again: a schedule, or its settings. At rate 0, the texts are
        those of `sample`. Clamped positions are never masked.
    Other arguments as in `samplers.sample`. Stops early once no position can change; a step without
    masks takes no network call.
    """
    schedule = remask_schedule(remask)
    fused = fused and fast_parts(graph) is not None
    sharpening = Sharpening(temperature, top_k, top_p)
    check_settings(graph, steps, "analytic", precision, sharpening)
    x, free = start(graph, shape, clamp, generator, torch.device(device))
    times = torch.linspace(1.0, eps, steps + 1, dtype=torch.float64)
    sigma = schedule.levels(noise, times)
    ends = sigma.tolist()
    rates = [schedule.rate(t, s) for t, s in pairwise(ends)]
    lengths = (-sigma.diff()).tolist()
    if denoise:
        rates, lengths = [*rates, 0.0], [*lengths, ends[-1]]
    # all levels in one copy: a copy at every step would synchronize the device
    levels = sigma.to(device=x.device, dtype=torch.float32)
    psi = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    shared = schedule.shares_rate
    drawn = psi.view(-1) if shared else None
    reverse = reverse_step(model, graph, generator, precision, sharpening, fused, drawn)
    draws = of_texts(generator, free // x.shape[1])  # of all free positions
    flat, can_move = x.view(-1), torch.zeros_like(x, dtype=torch.bool)
    can_move.view(-1)[free] = True
    for index, (length, rate) in enumerate(zip(lengths, rates, strict=True)):
        masked = flat[free] == graph.mask
        rows = free[masked]
        if not free.numel() or not (rows.numel() or any(rates[index:])):
            break
        again: float | Tensor = rate  # chance of each free position, if visible
        if shared and rate:
            again = confidence_rates(rate, psi, can_move & (x != graph.mask)).view(-1)[free]
            fill = mean_rate(rate, ends[index], can_move.sum(1))  # rate (B,) at masks
            # masks move with the weight of `rate`, so only this share of them may move
            share = (math.expm1(length) + fill) / (math.expm1(length) + rate)
            texts = rows // x.shape[1]
            rows = rows[rand(rows.shape, of_texts(generator, texts), x.device) < share[texts]]
        if rows.numel():
            kind, step = "denoise" if index == steps else "analytic", length
            if rate:
                # a score is mu / expm1(sigma_t): a mask is filled with the probability of the legend
                kind, step = "euler", math.expm1(length) + rate
            count_calls_(calls, model, x, rows)
            reverse.move_(x, rows, kind, levels[index : index + 1], step)
        if rate:
            hit = ~masked & (rand(free.shape, draws, x.device) < again)
            flat[free] = flat[free].masked_fill(hit, graph.mask)
        if on_step is not None:
            on_step(index, x)
    return x
