"""Texts drawn from a run, freely or around a given prefix and suffix."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from sedd.atomic import write_text
from sedd.config import Experiment, changed_only_in_use, sampling_steps, text_length
from sedd.errors import ConfigError, DataError, Problem
from sedd.evaluate.run import Run
from sedd.objective import Drawing
from sedd.progress import progress
from sedd.seeds import generator


def asked_for(
    experiment: Experiment,
    *,
    count: int | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    top_p: float | None = None,
    temperature: float | None = None,
) -> Experiment:
    """The experiment with what is not None in its `sampling` section. Raises ConfigError if that cannot be."""
    given = {
        "count": count,
        "sampler": sampler,
        "steps": steps,
        "top_p": top_p,
        "temperature": temperature,
    }
    changes = {f"sampling.{key}": value for key, value in given.items() if value is not None}
    asked = changed_only_in_use(experiment, changes)
    if steps not in (None, sampling_steps(asked)):
        what = f"{asked.sampling.sampler} takes one step a token, {sampling_steps(asked)}; leave it out; got {steps}"
        raise ConfigError("command line", [Problem("--steps", what)])
    return asked


def draw_samples(
    run: Run,
    *,
    prefix: str = "",
    suffix: str = "",
    seed: int,
) -> list[dict[str, Any]]:
    """Draw texts as the experiment's `sampling` section asks, each with what its JSON line says.

    Raises DataError if prefix and suffix leave nothing to draw, or if the model cannot draw so.
    """
    settings, steps = run.experiment.sampling, sampling_steps(run.experiment)
    length, count = text_length(run.experiment), settings.count
    before, after = run.tokenizer.encode_part(prefix), run.tokenizer.encode_part(suffix)
    clamp = clamped(before, after, length)
    drawing = Drawing(
        settings.sampler,
        steps,
        denoise=settings.denoise,
        precision=settings.precision,
        top_p=settings.top_p,
        temperature=settings.temperature,
    )
    name = run.experiment.name
    made = {
        "sampler": settings.sampler,
        "steps": steps,
        "denoise": settings.denoise,
        "precision": settings.precision,
        "top_p": settings.top_p,
        "temperature": settings.temperature,
        "length": length,
        "checkpoint_step": run.step,
        "prefix": run.tokenizer.decode(before),
        "suffix": run.tokenizer.decode(after),
    }
    provenance = run.provenance(seed, 0.0)
    provenance.pop("seconds")
    texts: list[dict[str, Any]] = []
    batches = -(-count // settings.batch_size)
    with progress(f"sample {name}", batches * (steps + 1), "step") as bar, refusals_of(name):
        for batch in range(batches):
            size = min(settings.batch_size, count - len(texts))
            with run.autocast():
                drawn = run.objective.sample(
                    run.model,
                    (size, length),
                    drawing,
                    clamp=clamp,
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


@contextlib.contextmanager
def refusals_of(name: str) -> Iterator[None]:
    """Tell the user what the model of that name cannot draw."""
    try:
        yield
    except ValueError as error:
        raise DataError(f"{name}: {error}") from error


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
