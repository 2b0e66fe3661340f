"""Samples of a model as JSON lines, in resumable batches that several devices share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, sampling_steps, window_overlap, with_changes
from sedd.errors import ConfigError, Problem
from sedd.results import samples
from sedd.runtime.atomic import write_text
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import partial_folder, remove_partial, run_resumable
from sedd.sampling.batches import joint_clamp, joint_generator, plan_batches
from sedd.sampling.prompt import Prompt, Request, check_prompt
from sedd.sampling.windows import draw_windows

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
    overlap: int | None = None,
    batch_size: int | None = None,
    **options: Any,
) -> M:
    """Change the `sampling` section; None keeps a value.

    options: of the sampler, by key; a value of a sub-section is a mapping. An option that a new
    sampler does not read gets its default. Raises ConfigError.
    """
    values = {
        "count": count,
        "steps": steps,
        "precision": precision,
        "top_p": top_p,
        "length": length,
        "overlap": overlap,
        "batch_size": batch_size,
    }
    given = {key: value for key, value in values.items() if value is not None}
    given |= experiment.sampling.changes(
        sampler or experiment.sampling.sampler,
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
    prompt = Prompt.encode(model.tokenizer, prefix, suffix, pieces)
    check_prompt(prompt, model.experiment)
    request = Request(prompt, model.experiment.sampling.count, seed)
    return draw_requests(model, [request], out=out, world=world)


def draw_requests(
    model: LanguageModel,
    requests: Sequence[Request],
    *,
    out: Path | None = None,
    world: World | None = None,
) -> list[dict[str, Any]]:
    """Draw the texts of all requests, in order; return the content of each JSON line, on every rank.

    A text depends on its own request only: each batch of a request has a generator of its own, also
    where several requests share a batch. So a request gives the texts of `draw_samples` with its
    prompt, count and seed. (The network's arithmetic may differ in its last digits between sizes of
    batches; a draw at the border of two tokens could then differ.)

    out: as in `draw_samples`. Raises DataError for a sampler or a prompt that the model does not
    support.
    """
    settings = [recorded_settings(model, request.prompt) for request in requests]
    identity = samples.KIND.identity(model.experiment)
    batches = plan_batches(requests, model.experiment)
    total = sum(request.count for request in requests)
    with progress(f"sample {model.name}", total, "text") as bar:

        def draw_batch(number: int) -> list[tuple[list[int], int]]:
            parts = batches[number]
            size = sum(part.size for part in parts)
            first = requests[parts[0].request].prompt
            length = first.length or model.length
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

        finished = run_resumable(
            len(batches),
            draw_batch,
            folder=None if out is None else partial_folder(out),
            identity={
                **identity,
                "requests": [
                    [recorded, request.count, request.seed]
                    for recorded, request in zip(settings, requests, strict=True)
                ],
                "checkpoint": model.checkpoint_sha256,
            },
            world=world or World(model.device),
            on_done=lambda number: bar.update(sum(part.size for part in batches[number])),
        )
    drawn: dict[tuple[int, int], list[Any]] = {}
    for parts, batch in zip(batches, finished, strict=True):
        values = iter(batch.values)
        for part in parts:
            drawn[part.request, part.batch] = list(itertools.islice(values, part.size))
    seconds = sum(batch.seconds for batch in finished)
    lines = []
    for request_index, batch_index in sorted(drawn):
        request = requests[request_index]
        provenance = model.provenance(identity, request.seed, seconds)
        for tokens, calls in drawn[request_index, batch_index]:
            lines.append(
                {
                    "index": len(lines),
                    "text": model.tokenizer.decode(tokens),
                    "tokens": tokens,
                    "network_calls": calls,
                    "prefix_tokens": len(request.prompt.prefix),
                    "suffix_tokens": len(request.prompt.suffix),
                    "settings": settings[request_index],
                    "seed": request.seed,
                    "provenance": provenance.model_dump(exclude_none=True),
                }
            )
    return lines


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


def mean_calls(texts: Sequence[Mapping[str, Any]]) -> float:
    """Mean number of network calls of drawn texts."""
    return sum(text["network_calls"] for text in texts) / len(texts)


def as_lines(texts: Sequence[Mapping[str, Any]]) -> str:
    """Samples as JSON lines."""
    return "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts)


def write_samples(texts: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write samples, one JSON a line, and remove the batches that were kept beside the file."""
    write_text(path, as_lines(texts))
    remove_partial(path)
