"""Samplers on a grid of times: Euler or analytic reverse steps, then a denoising step.

B batch, L sequence length. sigma: total noise. Times decrease evenly from 1 to `eps`, as in the
paper.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.fast.parts import fast_parts
from sedd.diffusion.fast.reverse import ReverseStep
from sedd.diffusion.gibbs_corrector import clamp_corrector
from sedd.diffusion.graph import Graph, StepKind
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.noise import Noise
from sedd.diffusion.reverse import PlainReverseStep
from sedd.diffusion.sharpening import UNCHANGED, Sharpening

Sampler = Literal["euler", "analytic"]
StepCallback = Callable[[int, Tensor], None]
# (states (B, L), flat positions (n,) that may change, sigma (1,) of the states): changes the states
Corrector = Callable[[Tensor, Tensor, Tensor], None]


def sample(
    model: ScoreFunction,
    graph: Graph,
    noise: Noise,
    shape: Sequence[int],
    steps: int,
    *,
    sampler: Sampler = "analytic",
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
    corrector: Corrector | None = None,
    fused: bool = True,
) -> Tensor:
    """Draw states of `shape` (B, L) in `steps` reverse steps.

    denoise: end with a step from time `eps` to 0, which leaves no mask.
    clamp: (tokens, mask), each (L,) or (B, L): positions where the mask is true hold these tokens
        throughout (a prefix, a suffix, or any other choice). Without a mask state, each step of
        texts with such positions takes a second network call, see `gibbs_corrector`.
    temperature, top_k, top_p: sharpen the law of the token that replaces a mask, see `Sharpening`;
        absorbing graph only. When a mask is replaced stays as it was.
    precision: "float64" draws exactly; "float32" draws as the paper's runs did, and loses rare
        tokens.
    on_step: called with the index of the step (from 0) and the states, which the next step
        overwrites.
    calls: (B,) int64, increased by the network calls that each text takes; see `network_calls`.
    corrector: called after each reverse step, see `Corrector`. None: `clamp_corrector`, if needed.
    fused: False, or a graph without fast parts: run on the definitions, with a table of
        probabilities (B, L, V) at every step. The distribution of the samples is the same.

    Stops early once no position can change. Raises ValueError for settings that cannot be used.
    """
    fused = fused and fast_parts(graph) is not None
    sharpening = Sharpening(temperature, top_k, top_p)
    check_settings(graph, steps, sampler, precision, sharpening)
    x, free = start(graph, shape, clamp, generator, torch.device(device))
    times = torch.linspace(1.0, eps, steps + 1, dtype=torch.float64)
    sigma, dsigma = noise(times)
    lengths = (1 - eps) / steps * dsigma if sampler == "euler" else -sigma.diff()
    plan: list[tuple[StepKind, float]] = [(sampler, float(length)) for length in lengths[:steps]]
    if denoise:
        plan.append(("denoise", float(sigma[-1])))
    # all levels in one copy: a copy at every step would synchronize the device
    levels = sigma.to(device=x.device, dtype=torch.float32)
    corrector = corrector or clamp_corrector(model, graph, x, free, generator, precision, calls)
    reverse = reverse_step(model, graph, generator, precision, sharpening, fused)
    with torch.no_grad():
        for index, (kind, step) in enumerate(plan):
            rows = free if graph.mask is None else free[x.view(-1)[free] == graph.mask]
            if not rows.numel():
                break
            count_calls_(calls, model, x, rows)
            reverse.move_(x, rows, kind, levels[index : index + 1], step)
            if corrector is not None and kind != "denoise":
                corrector(x, free, levels[index + 1 : index + 2])
            if on_step is not None:
                on_step(index, x)
    return x


def reverse_step(
    model: ScoreFunction,
    graph: Graph,
    generator: torch.Generator | None,
    precision: DrawPrecision,
    sharpening: Sharpening,
    fused: bool,
    drawn: Tensor | None = None,
) -> ReverseStep | PlainReverseStep:
    """The fast reverse step if `fused`, else the definition.

    drawn: as in `ReverseStep`. Other arguments as in `sample`.
    """
    if fused:
        return ReverseStep(model, graph, generator, precision, sharpening, drawn)
    return PlainReverseStep(model, graph, generator, precision, sharpening, drawn)


sample_euler = functools.partial(sample, sampler="euler")
sample_analytic = functools.partial(sample, sampler="analytic")


def check_settings(
    graph: Graph,
    steps: int,
    sampler: str,
    precision: str,
    sharpening: Sharpening,
    can_be_greedy: bool = False,
) -> None:
    """Raise ValueError for settings of `sample` that cannot be used.

    can_be_greedy: whether the sampler takes temperature 0.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if sampler not in ("euler", "analytic"):
        raise ValueError(f"sampler must be 'euler' or 'analytic', got {sampler!r}")
    if precision not in ("float64", "float32"):
        raise ValueError(f"precision must be 'float64' or 'float32', got {precision!r}")
    if sharpening.temperature == 0 and not can_be_greedy:
        raise ValueError("temperature must be above 0, got 0")
    if sharpening != UNCHANGED and (graph.mask is None or precision != "float64"):
        raise ValueError("temperature, top_k and top_p need a graph with a mask and float64 draws")


def start(
    graph: Graph,
    shape: Sequence[int],
    clamp: tuple[Tensor, Tensor] | None,
    generator: torch.Generator | None,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Initial states (B, L) and the flat positions (n,) that may change.

    States are drawn at infinite noise; clamped positions hold their tokens.
    Raises ValueError for clamped tokens outside the vocabulary.
    """
    x = graph.sample_limit(shape, generator, device)
    if clamp is None:
        return x, torch.arange(x.numel(), device=device)
    tokens, mask = (part.to(device).expand(x.shape) for part in clamp)
    outside = tokens[mask & ((tokens < 0) | (tokens >= graph.vocab_size))]
    if outside.numel():
        raise ValueError(
            f"clamped tokens must lie in 0..{graph.vocab_size - 1}, got {outside[0].item()}"
        )
    return torch.where(mask, tokens, x), (~mask).flatten().nonzero()[:, 0]
