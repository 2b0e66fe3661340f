"""One sample with every state between noise and text, for a picture or the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.config import AnyExperiment, sampling_steps, text_length
from sedd.diffusion.grid_samplers import start
from sedd.errors import DataError
from sedd.objective import Diffusion
from sedd.registry import SAMPLERS
from sedd.results.trace import KIND, Trace, build_trace
from sedd.sampling.prompt import Prompt


def check_traceable(experiment: AnyExperiment) -> None:
    """Raise DataError if the texts of an experiment do not begin from noise, in one window."""
    if SAMPLERS[experiment.sampling.sampler].left_to_right:
        raise DataError(
            f"{experiment.name}: samples from left to right, so there is no noise to trace; --trace "
            "and --watch need a diffusion model"
        )
    length, window = text_length(experiment), experiment.data.length
    if length > window:
        raise DataError(
            f"{experiment.name}: --trace and --watch show one window of {window} tokens; a text has "
            f"{length}: lower sampling.length"
        )


def draw_trace(
    model: LanguageModel,
    *,
    prefix: str = "",
    suffix: str = "",
    pieces: Mapping[int, str] | None = None,
    seed: int,
    on_state: Callable[[list[str | None]], None] | None = None,
) -> Trace:
    """Sample one text and record the token at each position after each step.

    pieces: texts that the sample keeps, by the position of their first token.
    on_state: called with each state, as the texts of its tokens; None is the mask.
    Raises DataError if the prompt leaves no token to sample, if the text is longer than the model,
    or if the model is not a diffusion.
    """
    check_traceable(model.experiment)
    assert isinstance(model, NetworkModel)
    assert isinstance(model.objective, Diffusion)
    graph, steps = model.objective.graph, sampling_steps(model.experiment)
    prompt = Prompt.encode(model.tokenizer, prefix, suffix, pieces)
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
        "parts": [(at, len(part)) for at, part in prompt.parts.items()],
        "seed": seed,
        "provenance": provenance,
    }
    return build_trace(about, states, token_texts)
