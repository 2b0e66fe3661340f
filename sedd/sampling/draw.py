"""Texts drawn from a run, freely or around given text: a prefix, a suffix, or pieces at any place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from sedd.checkpoints.language_model import Run
from sedd.config import Measured, changed_only_in_use, sampling_steps, text_length
from sedd.errors import ConfigError, DataError, Problem
from sedd.objective.objective import Clamp
from sedd.results import samples
from sedd.runtime.atomic import write_text
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import parts_folder, remove_parts, run_resumable

M = TypeVar("M", bound=Measured)


def with_sampling(
    experiment: M,
    *,
    count: int | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    precision: str | None = None,
    top_p: float | None = None,
    temperature: float | None = None,
) -> M:
    """The experiment with what is not None in its `sampling` section. Raises ConfigError if that cannot be."""
    given = {
        "count": count,
        "sampler": sampler,
        "steps": steps,
        "precision": precision,
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
    pieces: Mapping[int, str] | None = None,
    seed: int,
    out: Path | None = None,
    world: World | None = None,
) -> list[dict[str, Any]]:
    """Draw texts as the experiment's `sampling` section asks, each with what its JSON line says; the same in every process.

    out: the file that they are for, beside which parts are kept until they are removed.
    pieces: given texts, by the number of the token they begin at.
    Raises DataError if what is given does not fit or leaves nothing to draw, or if the model cannot draw so.
    """
    settings, steps = run.experiment.sampling, sampling_steps(run.experiment)
    length, count = text_length(run.experiment), settings.count
    before, after = run.tokenizer.encode_part(prefix), run.tokenizer.encode_part(suffix)
    inside = {at: run.tokenizer.encode_part(text) for at, text in (pieces or {}).items()}
    clamp = clamped(before, after, length, inside)
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
        "pieces": {str(at): run.tokenizer.decode(tokens) for at, tokens in inside.items()},
    }
    identity = samples.identity(run.experiment)
    provenance = run.provenance(identity, seed).model_dump(exclude_none=True)
    sizes = [min(settings.batch_size, count - at) for at in range(0, count, settings.batch_size)]
    with progress(f"sample {run.experiment.name}", count, "text") as bar:

        def work(batch: int) -> list[list[int]]:
            return run.draw(
                sizes[batch],
                length,
                run.drawing(steps),
                clamp=clamp,
                generator=run.generator(seed, "sample", batch),
                on_step=lambda step, x: bar.note(step=f"{step + 1}/{steps}"),
            ).tolist()

        parts = run_resumable(
            len(sizes),
            work,
            folder=None if out is None else parts_folder(out),
            identity={**identity, **made, "seed": seed, "checkpoint": run.checkpoint_sha256},
            world=world or World(run.device),
            on_done=lambda batch: bar.update(sizes[batch]),
        )
    return [
        {
            "index": index,
            "text": run.tokenizer.decode(tokens),
            "tokens": tokens,
            "prefix_tokens": len(before),
            "suffix_tokens": len(after),
            "settings": made,
            "seed": seed,
            "provenance": provenance,
        }
        for index, tokens in enumerate(tokens for part in parts for tokens in part.values)
    ]


def clamped(
    before: Sequence[int],
    after: Sequence[int],
    length: int,
    inside: Mapping[int, Sequence[int]] | None = None,
) -> Clamp | None:
    """The given tokens in their places, and where they are: both (length,). None if nothing is given."""
    tokens, given = torch.zeros(length, dtype=torch.long), torch.zeros(length, dtype=torch.bool)
    if len(before) + len(after) >= length:
        raise DataError(
            f"the prefix has {len(before)} tokens and the suffix {len(after)}: of the {length} tokens of a text "
            "none is left to draw; shorten them, or raise sampling.length"
        )
    for at, piece in {0: before, **{length - len(after): after}}.items():
        place(tokens, given, at, piece)
    for at, piece in (inside or {}).items():
        place(tokens, given, at, piece)
    if bool(given.all()):
        raise DataError(
            f"all {length} tokens of a text are given: none is left to draw; give less, or raise sampling.length"
        )
    return (tokens, given) if bool(given.any()) else None


def place(tokens: torch.Tensor, given: torch.Tensor, at: int, piece: Sequence[int]) -> None:
    """Put a piece at its place. Raises DataError if it reaches outside, or over another one."""
    length = len(tokens)
    if at < 0 or at + len(piece) > length:
        raise DataError(
            f"a piece of {len(piece)} tokens at token {at} reaches outside the {length} tokens of a text"
        )
    if bool(given[at : at + len(piece)].any()):
        raise DataError(f"the piece of {len(piece)} tokens at token {at} lies over another")
    tokens[at : at + len(piece)] = torch.tensor(piece, dtype=torch.long)
    given[at : at + len(piece)] = True


def write_samples(texts: list[dict[str, Any]], path: Path) -> None:
    """One JSON a line. What was kept of them while they were drawn is removed."""
    write_text(path, "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts))
    remove_parts(path)
