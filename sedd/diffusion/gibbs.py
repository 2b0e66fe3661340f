"""Gibbs sampler for graphs without a mask: analytic steps, each followed by corrector calls.

p_t is the law of noisy texts at time t. The scores at a position give its conditional law:
p_t(x_i = y | rest) = s_y / sum of s. A corrector call redraws random positions of each text from
it. With one position per call, p_t stays invariant if the scores are exact, and errors of earlier
steps fade. Several positions per call are redrawn as if they were independent given the others: p_t
is then invariant only approximately, up to the dependence among the redrawn positions.

Clamped positions: the reverse steps take clamped tokens for noisy ones, so they do not draw from
the conditional law of the free tokens. A corrector call leaves p_t(free | clamped) invariant, which
becomes the conditional law of the data as t goes to 0. So with one position per call, this sampler
reaches it as steps grow.

Source: the corrector of Campbell et al. 2022, "A continuous time framework for discrete denoising
models", arXiv 2205.14987, with a Gibbs update in place of forward and reverse rates.

B batch, L sequence length, V states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import DrawPrecision, draw
from sedd.diffusion.fast.score_tables import ScoreTables
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import ScoreFunction
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.noise import Noise
from sedd.diffusion.randomness import of_texts, rand, row_chunks
from sedd.diffusion.samplers import StepCallback, sample


@dataclass(frozen=True)
class GibbsCorrector:
    """Redraws positions in place. num_calls: network calls. num_positions: of a text, per call."""

    tables: ScoreTables
    generator: torch.Generator | None
    precision: DrawPrecision
    num_calls: int
    num_positions: int
    calls: Tensor | None = None

    def __call__(self, x: Tensor, free: Tensor, sigma: Tensor) -> None:
        """Redraw some of the flat positions `free` (n,) of x (B, L) at noise sigma (1,)."""
        for _ in range(self.num_calls):
            rows = self.choose(x, free)
            count_calls_(self.calls, self.tables.model, x, rows)
            output = self.tables.call(x, rows, sigma)
            texts = rows // x.shape[1]
            for part in row_chunks(self.generator, texts, self.tables.chunk_size(x.device)):
                score = self.tables.table(output[part])
                generator = of_texts(self.generator, texts[part])
                x.view(-1)[rows[part]] = draw(score, generator, self.precision)

    def choose(self, x: Tensor, free: Tensor) -> Tensor:
        """Flat positions of x (B, L), at random: `num_positions` of each text, or all its free."""
        order = rand(x.shape, self.generator, x.device)
        all_free = free.numel() == x.numel()
        if not all_free:
            is_free = torch.zeros(x.numel(), dtype=torch.bool, device=x.device)
            order = order.masked_fill(~is_free.index_fill(0, free, True).view_as(x), -1.0)
        chosen = order.topk(min(self.num_positions, x.shape[1]), dim=1)
        first = torch.arange(x.shape[0], device=x.device)[:, None] * x.shape[1]
        rows = (first + chosen.indices).flatten()
        return rows if all_free else rows[chosen.values.flatten() >= 0]


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
