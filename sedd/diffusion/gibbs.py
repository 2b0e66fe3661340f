"""Gibbs sampler for graphs without a mask: analytic steps, each followed by corrector calls.

See `gibbs_corrector`. B batch, L sequence length.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.fast.score_tables import ScoreTables
from sedd.diffusion.gibbs_corrector import GibbsCorrector
from sedd.diffusion.graph import Graph
from sedd.diffusion.grid_samplers import StepCallback, sample
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.noise import Noise


def sample_gibbs(
    model: ScoreFunction,
    graph: Graph,
    noise: Noise,
    shape: Sequence[int],
    steps: int,
    *,
    corrector_calls: int = 1,
    corrector_positions: int = 1,
    denoise: bool = True,
    clamp: tuple[Tensor, Tensor] | None = None,
    top_p: float | None = None,
    precision: DrawPrecision = "float64",
    eps: float = 1e-5,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    on_step: StepCallback | None = None,
    calls: Tensor | None = None,
) -> Tensor:
    """Draw states of `shape` (B, L) in `steps` analytic steps with corrector calls after each.

    corrector_calls: network calls after each step, at the noise that it reached.
    corrector_positions: positions of each text redrawn per corrector call; exact for 1.
    Other arguments as in `samplers.sample`. Raises ValueError for settings that cannot be used.
    """
    if graph.mask is not None:
        raise ValueError("the Gibbs sampler needs a graph without a mask state")
    if corrector_calls < 1 or corrector_positions < 1:
        raise ValueError(
            "corrector_calls and corrector_positions must be at least 1, got "
            f"{corrector_calls} and {corrector_positions}"
        )
    corrector = GibbsCorrector(
        ScoreTables(model, graph, several=precision == "float32"),
        generator,
        precision,
        corrector_calls,
        corrector_positions,
        calls,
    )
    return sample(
        model,
        graph,
        noise,
        shape,
        steps,
        sampler="analytic",
        corrector=corrector,
        denoise=denoise,
        clamp=clamp,
        top_p=top_p,
        precision=precision,
        eps=eps,
        generator=generator,
        device=device,
        on_step=on_step,
        calls=calls,
    )
