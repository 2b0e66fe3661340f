"""Samples of a model as JSON lines, in resumable batches that several devices share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, sampling_steps, with_changes
from sedd.errors import ConfigError, Problem
from sedd.results import samples
from sedd.runtime.atomic import write_text
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import partial_folder, remove_partial, run_resumable
from sedd.sampling.prompt import Prompt

M = TypeVar("M", bound=AnyExperiment)


def with_sampling(
    experiment: M,
    *,
    count: int | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    precision: str | None = None,
    top_p: float | None = None,
    length: int | None = None,
    **options: Any,
) -> M:
    """Change the `sampling` section; None keeps a value.

    options: of the sampler, by key; a value of a sub-section is a mapping. An option that a new
    sampler does not read gets its default. Raises ConfigError.
    """
    values = {
        "count": count,
        "sampler": sampler,
        "steps": steps,
        "precision": precision,
        "top_p": top_p,
        "length": length,
    }
    given = {key: value for key, value in values.items() if value is not None}
    sampling = experiment.sampling
    given |= sampling.changes(
        sampler or sampling.sampler,
        {key: value for key, value in options.items() if value is not None},
    )
    changed = with_changes(experiment, {f"sampling.{key}": given[key] for key in given})
    if steps not in (None, sampling_steps(changed)):
        what = (
            f"{changed.sampling.sampler} takes one step a token, {sampling_steps(changed)}; "
            f"leave it out; got {steps}"
        )
        raise ConfigError("command line", [Problem("--steps", what)])
    return changed


def draw_samples(
    model: LanguageModel,
    *,
    prefix: str = "",
    suffix: str = "",
    pieces: Mapping[int, str] | None = None,
    seed: int,
    out: Path | None = None,
    world: World | None = None,
) -> list[dict[str, Any]]:
    """Sample by the experiment's settings; return the content of each JSON line, on every rank.

    pieces: texts that every sample keeps, by the position of their first token.
    out: the file that the samples are for; finished batches are kept beside it until
        `write_samples`. None: nothing is kept.
    Raises DataError if the prompt does not fit or leaves no token to sample, or if the model does
    not support it.
    """
    settings, steps = model.experiment.sampling, sampling_steps(model.experiment)
    tokenizer, length, count = model.tokenizer, model.length, settings.count
    prompt = Prompt.encode(tokenizer, prefix, suffix, pieces)
    clamp = prompt.clamp(length)
    recorded = {
        "sampler": settings.sampler,
        "steps": steps,
        "denoise": settings.denoise,
        "precision": settings.precision,
        "top_p": settings.top_p,
        **settings.options(),
        "length": length,
        "checkpoint_step": model.step,
        "prefix": tokenizer.decode(prompt.prefix),
        "suffix": tokenizer.decode(prompt.suffix),
        "pieces": {str(at): tokenizer.decode(part) for at, part in prompt.parts.items()},
    }
    identity = samples.KIND.identity(model.experiment)
    sizes = [min(settings.batch_size, count - at) for at in range(0, count, settings.batch_size)]
    with progress(f"sample {model.name}", count, "text") as bar:

        def draw_batch(batch: int) -> list[tuple[list[int], int]]:
            calls = torch.zeros(sizes[batch], dtype=torch.int64, device=model.device)
            tokens = model.draw(
                sizes[batch],
                length,
                model.drawing(steps),
                clamp=clamp,
                generator=model.generator(seed, "sample", batch),
                on_step=lambda step, x: bar.note(step=f"{step + 1}/{steps}"),
                calls=calls,
            )
            return list(zip(tokens.tolist(), calls.tolist(), strict=True))

        batches = run_resumable(
            len(sizes),
            draw_batch,
            folder=None if out is None else partial_folder(out),
            identity={
                **identity,
                **recorded,
                "seed": seed,
                "checkpoint": model.checkpoint_sha256,
            },
            world=world or World(model.device),
            on_done=lambda batch: bar.update(sizes[batch]),
        )
    seconds = sum(batch.seconds for batch in batches)
    provenance = model.provenance(identity, seed, seconds).model_dump(exclude_none=True)
    drawn = [text for batch in batches for text in batch.values]
    return [
        {
            "index": index,
            "text": tokenizer.decode(tokens),
            "tokens": tokens,
            "network_calls": calls,
            "prefix_tokens": len(prompt.prefix),
            "suffix_tokens": len(prompt.suffix),
            "settings": recorded,
            "seed": seed,
            "provenance": provenance,
        }
        for index, (tokens, calls) in enumerate(drawn)
    ]


def mean_calls(texts: Sequence[Mapping[str, Any]]) -> float:
    """Mean number of network calls of drawn texts."""
    return sum(text["network_calls"] for text in texts) / len(texts)


def write_samples(texts: list[dict[str, Any]], path: Path) -> None:
    """Write samples, one JSON a line, and remove the batches that were kept beside the file."""
    write_text(path, "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts))
    remove_partial(path)
