"""Texts drawn from a run, freely or around a given prefix and suffix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from sedd.atomic import write_text
from sedd.diffusion import Sampler, sample
from sedd.errors import DataError
from sedd.evaluate.run import Run
from sedd.progress import progress
from sedd.seeds import generator


def draw_samples(
    run: Run,
    *,
    count: int,
    sampler: Sampler,
    steps: int,
    prefix: str = "",
    suffix: str = "",
    seed: int,
) -> list[dict[str, Any]]:
    """Draw `count` texts in `steps` denoising steps, each with what its JSON line says.

    Raises DataError if prefix and suffix leave nothing to draw.
    """
    settings = run.experiment.sampling
    length = settings.length or run.experiment.data.length
    before, after = run.tokenizer.encode_part(prefix), run.tokenizer.encode_part(suffix)
    clamp = clamped(before, after, length)
    made = {
        "sampler": sampler,
        "steps": steps,
        "denoise": settings.denoise,
        "precision": settings.precision,
        "length": length,
        "checkpoint_step": run.step,
        "prefix": run.tokenizer.decode(before),
        "suffix": run.tokenizer.decode(after),
    }
    provenance = run.provenance(seed, 0.0)
    provenance.pop("seconds")
    texts: list[dict[str, Any]] = []
    batches = -(-count // settings.batch_size)
    with progress(f"sample {run.experiment.name}", batches * (steps + 1), "step") as bar:
        for batch in range(batches):
            size = min(settings.batch_size, count - len(texts))
            with run.autocast():
                drawn = sample(
                    run.model,
                    run.graph,
                    run.noise,
                    (size, length),
                    steps,
                    sampler=sampler,
                    denoise=settings.denoise,
                    clamp=clamp,
                    precision=settings.precision,
                    generator=generator(seed, "sample", batch),
                    device=run.device,
                    on_step=lambda step, x: bar.update(),
                )
            for tokens in drawn.tolist():
                texts.append(
                    {
                        "index": len(texts),
                        "text": run.tokenizer.decode(tokens),
                        "tokens": tokens,
                        "prefix_tokens": len(before),
                        "suffix_tokens": len(after),
                        "settings": made,
                        "seed": seed,
                        "provenance": provenance,
                    }
                )
    return texts


def clamped(
    before: list[int], after: list[int], length: int
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The given tokens in their places, and where they are: both (length,). None if nothing is given."""
    if not before and not after:
        return None
    free = length - len(before) - len(after)
    if free < 1:
        raise DataError(
            f"the prefix has {len(before)} tokens and the suffix {len(after)}: of the {length} tokens of a text "
            "none is left to draw; shorten them, or raise sampling.length"
        )
    tokens = torch.tensor([*before, *[0] * free, *after])
    given = torch.ones(length, dtype=torch.bool)
    given[len(before) : length - len(after)] = False
    return tokens, given


def write_samples(texts: list[dict[str, Any]], path: Path) -> None:
    """One JSON a line."""
    write_text(path, "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts))
