"""Batches of texts for several requests, each of which keeps its own random draws.

The count of a request is cut into batches as if it were alone. Such a batch is a part here: parts of
several requests then share a batch of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, text_length
from sedd.diffusion.randomness import GroupedGenerator
from sedd.objective.objective import Clamp
from sedd.registry import SAMPLERS
from sedd.sampling.prompt import Request


@dataclass(frozen=True)
class Part:
    """Texts of one request: its number `request`, its batch number `batch`, and `size` texts."""

    request: int
    batch: int
    size: int


def plan_batches(requests: Sequence[Request], experiment: AnyExperiment) -> list[list[Part]]:
    """The parts of each batch, at most sampling.batch_size texts.

    Parts share a batch if their texts have the same length and the sampler can group its draws; of
    a left-to-right model, also the same number of tokens in the prefix.
    """
    size, info = experiment.sampling.batch_size, SAMPLERS[experiment.sampling.sampler]
    batches: list[list[Part]] = []
    open_batches: dict[object, list[Part]] = {}
    for number, request in enumerate(requests):
        for batch, at in enumerate(range(0, request.count, size)):
            part = Part(number, batch, min(size, request.count - at))
            key = _key(request, experiment, info.left_to_right)
            joined = open_batches.get(key, [])
            fits = sum(other.size for other in joined) + part.size <= size
            if not (joined and fits and info.grouped_draws):
                joined = open_batches[key] = []
                batches.append(joined)
            joined.append(part)
    return batches


def _key(request: Request, experiment: AnyExperiment, left_to_right: bool) -> object:
    """What parts of one batch have in common."""
    prompt = request.prompt
    length = prompt.length or text_length(experiment)
    clamp = prompt.clamp(length)
    # a first window of masks only has a shortcut of its own, see `ReverseStep`
    is_free = clamp is None or not bool(clamp[1][: experiment.data.length].any())
    return length, is_free, len(prompt.prefix) if left_to_right else None


def joint_clamp(requests: Sequence[Request], parts: Sequence[Part], length: int) -> Clamp | None:
    """The given tokens of all texts of a batch and where they are, each (B, L); None: none."""
    tokens = torch.zeros(sum(part.size for part in parts), length, dtype=torch.long)
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    start = 0
    for part in parts:
        clamp = requests[part.request].prompt.clamp(length)
        if clamp is not None:
            tokens[start : start + part.size], mask[start : start + part.size] = clamp
        start += part.size
    return (tokens, mask) if bool(mask.any()) else None


def joint_generator(
    model: LanguageModel, requests: Sequence[Request], parts: Sequence[Part]
) -> torch.Generator:
    """The generator of a batch: of each part its own, as a batch of its request alone has it."""
    generators = [
        model.generator(requests[part.request].seed, "sample", part.batch) for part in parts
    ]
    if len(generators) == 1:
        return generators[0]
    return GroupedGenerator(generators, [part.size for part in parts])
