"""The texts of several requests: drawn in common batches, and recorded in the order of the requests."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import sampling_steps, window_overlap
from sedd.results import samples
from sedd.runtime.progress import Progress
from sedd.sampling.batches import Part, joint_clamp, joint_generator, plan_batches
from sedd.sampling.prompt import Prompt, Request
from sedd.sampling.windows import draw_windows

DrawnText = tuple[list[int], int]
"""Token ids, and the number of network calls."""


@dataclass(frozen=True)
class RequestedTexts:
    """Texts of a model for requests. The index of a text counts over all requests, in order."""

    model: LanguageModel
    requests: Sequence[Request]

    @functools.cached_property
    def batches(self) -> list[list[Part]]:
        return plan_batches(self.requests, self.model.experiment)

    @functools.cached_property
    def _request_of(self) -> list[int]:
        """The number of the request of each text."""
        return [at for at, request in enumerate(self.requests) for _ in range(request.count)]

    @functools.cached_property
    def _first_of(self) -> list[int]:
        """The index of the first text of each request."""
        counts = [request.count for request in self.requests]
        return [0, *itertools.accumulate(counts)]

    @property
    def count(self) -> int:
        return len(self._request_of)

    @functools.cached_property
    def _settings(self) -> list[dict[str, Any]]:
        return [recorded_settings(self.model, request.prompt) for request in self.requests]

    @functools.cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that the texts depend on, except the code."""
        return {
            **samples.KIND.identity(self.model.experiment),
            "requests": [
                [recorded, request.count, request.seed]
                for recorded, request in zip(self._settings, self.requests, strict=True)
            ],
            "checkpoint": self.model.checkpoint_sha256,
        }

    def indices(self, number: int) -> list[int]:
        """The indices of the texts of a batch."""
        size = self.model.experiment.sampling.batch_size
        return [
            self._first_of[part.request] + part.batch * size + at
            for part in self.batches[number]
            for at in range(part.size)
        ]

    def draw(self, number: int, bar: Progress) -> list[DrawnText]:
        """Draw the texts of a batch."""
        model, requests, parts = self.model, self.requests, self.batches[number]
        size = sum(part.size for part in parts)
        length = requests[parts[0].request].prompt.length or model.length
        steps = sampling_steps(model.experiment, min(length, model.experiment.data.length))
        calls = torch.zeros(size, dtype=torch.int64, device=model.device)
        tokens = draw_windows(
            model,
            size,
            length,
            clamp=joint_clamp(requests, parts, length),
            generator=joint_generator(model, requests, parts),
            on_step=lambda step, x: bar.note(step=f"{step + 1}/{steps}"),
            calls=calls,
        )
        return list(zip(tokens.tolist(), calls.tolist(), strict=True))

    def line(self, index: int, text: DrawnText, times: Mapping[str, Any]) -> dict[str, Any]:
        """The content of the JSON line of a text.

        times: when and how fast it was drawn, for its provenance; empty for lines that do not
            depend on it.
        """
        (tokens, calls), number = text, self._request_of[index]
        request = self.requests[number]
        return {
            "index": index,
            "text": self.model.tokenizer.decode(tokens),
            "tokens": tokens,
            "network_calls": calls,
            "prefix_tokens": len(request.prompt.prefix),
            "suffix_tokens": len(request.prompt.suffix),
            "settings": self._settings[number],
            "seed": request.seed,
            "provenance": {**self._provenance, "seed": request.seed, **times},
        }

    @functools.cached_property
    def _provenance(self) -> dict[str, Any]:
        """What the provenance of all texts has in common."""
        identity = samples.KIND.identity(self.model.experiment)
        provenance = self.model.provenance(identity, self.requests[0].seed)
        return provenance.model_dump(exclude_none=True, exclude={"created"})


def recorded_settings(model: LanguageModel, prompt: Prompt) -> dict[str, Any]:
    """The settings and the prompt of a text, as its line records them.

    window, overlap: of a text that is longer than the model.
    """
    sampling, tokenizer = model.experiment.sampling, model.tokenizer
    length, window = prompt.length or model.length, model.experiment.data.length
    windows = {"window": window, "overlap": window_overlap(model.experiment)}
    return {
        "sampler": sampling.sampler,
        "steps": sampling_steps(model.experiment, length),
        "denoise": sampling.denoise,
        "precision": sampling.precision,
        "top_p": sampling.top_p,
        **sampling.options(),
        "length": length,
        **(windows if length > window else {}),
        "checkpoint_step": model.step,
        "prefix": tokenizer.decode(prompt.prefix),
        "suffix": tokenizer.decode(prompt.suffix),
        "pieces": {str(at): tokenizer.decode(part) for at, part in prompt.parts.items()},
    }
