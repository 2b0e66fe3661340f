"""One text drawn from a run with every state on its way from noise: to be looked at, not counted."""

from __future__ import annotations

from collections.abc import Callable

import torch

from sedd.checkpoints.language_model import NetworkRun, Run
from sedd.config import sampling_steps, text_length
from sedd.diffusion.samplers import start
from sedd.errors import DataError
from sedd.objective import Diffusion
from sedd.results.trace import Trace, build_trace, identity
from sedd.sampling.draw import clamped


def draw_trace(
    run: Run,
    *,
    prefix: str = "",
    suffix: str = "",
    seed: int,
    on_state: Callable[[list[str | None]], None] | None = None,
) -> Trace:
    """Draw a text as the experiment's `sampling` section asks, keeping what is at each position after each step.

    on_state: told each state as it comes, as the texts of its tokens; None is the mask.
    Raises DataError if prefix and suffix leave nothing to draw, or if the model does not begin from noise.
    """
    if not (isinstance(run, NetworkRun) and isinstance(run.objective, Diffusion)):
        raise DataError(
            f"{run.experiment.name}: writes from left to right, with no noise to follow: --trace and --watch are for diffusion"
        )
    graph, steps = run.objective.graph, sampling_steps(run.experiment)
    shape = (1, text_length(run.experiment))
    before, after = run.tokenizer.encode_part(prefix), run.tokenizer.encode_part(suffix)
    clamp = clamped(before, after, shape[1])
    pieces: dict[int, str | None] = {}
    states: list[list[int]] = []

    def keep(x: torch.Tensor) -> None:
        state = x[0].tolist()
        for token in state:
            if token not in pieces:
                pieces[token] = None if token == graph.mask else run.tokenizer.decode([token])
        states.append(state)
        if on_state is not None:
            on_state([pieces[token] for token in state])

    # the sampler's own first draw, made once more: it reports states after its steps only
    noise, _ = start(graph, shape, clamp, run.generator(seed, "trace"), run.device)
    keep(noise)
    run.draw(
        *shape,
        run.drawing(steps),
        clamp=clamp,
        generator=run.generator(seed, "trace"),
        on_step=lambda step, x: keep(x),
    )
    provenance = run.provenance(identity(run.experiment), seed).model_dump(exclude_none=True)
    about = {
        "experiment": run.experiment.name,
        "checkpoint_step": run.step,
        "sampler": run.experiment.sampling.sampler,
        "steps": steps,
        "prefix_tokens": len(before),
        "suffix_tokens": len(after),
        "seed": seed,
        "provenance": provenance,
    }
    return build_trace(about, states, pieces)
