"""One sample with every state between noise and text, for a picture or the terminal."""

from __future__ import annotations

from collections.abc import Callable

import torch

from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.config import sampling_steps
from sedd.diffusion.samplers import start
from sedd.errors import DataError
from sedd.objective import Diffusion
from sedd.results.trace import KIND, Trace, build_trace
from sedd.sampling.prompt import Prompt


def draw_trace(
    model: LanguageModel,
    *,
    prefix: str = "",
    suffix: str = "",
    seed: int,
    on_state: Callable[[list[str | None]], None] | None = None,
) -> Trace:
    """Sample one text and record the token at each position after each step.

    on_state: called with each state, as the texts of its tokens; None is the mask.
    Raises DataError if prefix and suffix leave no token to sample, or if the model is not a
    diffusion.
    """
    if not (isinstance(model, NetworkModel) and isinstance(model.objective, Diffusion)):
        raise DataError(
            f"{model.name}: samples from left to right, so there is no noise to trace; --trace and --watch need a diffusion model"
        )
    graph, steps = model.objective.graph, sampling_steps(model.experiment)
    prompt = Prompt.encode(model.tokenizer, prefix, suffix)
    shape = (1, model.length)
    clamp = prompt.clamp(model.length)
    token_texts: dict[int, str | None] = {}
    states: list[list[int]] = []

    def record(x: torch.Tensor) -> None:
        state = x[0].tolist()
        for token in state:
            if token not in token_texts:
                is_mask = token == graph.mask
                token_texts[token] = None if is_mask else model.tokenizer.decode([token])
        states.append(state)
        if on_state is not None:
            on_state([token_texts[token] for token in state])

    # the sampler reports states after its steps only: repeat its first draw to record the noise
    noise, _ = start(graph, shape, clamp, model.generator(seed, "trace"), model.device)
    record(noise)
    model.draw(
        *shape,
        model.drawing(steps),
        clamp=clamp,
        generator=model.generator(seed, "trace"),
        on_step=lambda step, x: record(x),
    )
    provenance = model.provenance(KIND.identity(model.experiment), seed).model_dump(
        exclude_none=True
    )
    about = {
        "experiment": model.name,
        "checkpoint_step": model.step,
        "sampler": model.experiment.sampling.sampler,
        "steps": steps,
        "prefix_tokens": len(prompt.prefix),
        "suffix_tokens": len(prompt.suffix),
        "seed": seed,
        "provenance": provenance,
    }
    return build_trace(about, states, token_texts)
