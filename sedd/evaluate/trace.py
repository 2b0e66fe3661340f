"""One text drawn from a run with every state on its way from noise: to be looked at, not counted."""

from __future__ import annotations

from collections.abc import Callable

import torch

from sedd.config import sampling_steps, text_length
from sedd.diffusion.samplers import start
from sedd.evaluate.run import Run
from sedd.evaluate.sample import clamped, draw_batch
from sedd.seeds import generator
from sedd.trace import Trace, build_trace


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
    Raises DataError if prefix and suffix leave nothing to draw.
    """
    shape = (1, text_length(run.experiment))
    before, after = run.tokenizer.encode_part(prefix), run.tokenizer.encode_part(suffix)
    clamp = clamped(before, after, shape[1])
    pieces: dict[int, str | None] = {}
    states: list[list[int]] = []

    def keep(step: int, x: torch.Tensor) -> None:
        state = x[0].tolist()
        for token in state:
            if token not in pieces:
                pieces[token] = None if token == run.graph.mask else run.tokenizer.decode([token])
        states.append(state)
        if on_state is not None:
            on_state([pieces[token] for token in state])

    # the sampler's own first draw, made once more: it reports states after its steps only
    noise, _ = start(run.graph, shape, clamp, generator(seed, "trace"), run.device)
    keep(0, noise)
    with run.autocast():
        draw_batch(run, shape, clamp, generator(seed, "trace"), on_step=keep)
    provenance = run.provenance(seed, 0.0)
    provenance.pop("seconds")
    about = {
        "experiment": run.experiment.name,
        "checkpoint_step": run.step,
        "sampler": run.experiment.sampling.sampler,
        "steps": sampling_steps(run.experiment),
        "prefix_tokens": len(before),
        "suffix_tokens": len(after),
        "seed": seed,
        "provenance": provenance,
    }
    return build_trace(about, states, pieces)
