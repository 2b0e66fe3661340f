"""Samples of a model as JSON lines, in resumable batches that several devices share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, sampling_steps, with_changes
from sedd.errors import ConfigError, Problem
from sedd.runtime.atomic import write_text
from sedd.runtime.distributed import World
from sedd.runtime.json_text import json_text
from sedd.runtime.progress import progress
from sedd.runtime.provenance import now
from sedd.runtime.resumable import partial_folder, run_resumable
from sedd.sampling.prompt import Prompt, Request, check_prompt
from sedd.sampling.requested_texts import DrawnText, RequestedTexts

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
            f"{changed.sampling.sampler} takes one step per token, {sampling_steps(changed)}; "
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
    out: the file that the samples are for; finished batches are kept beside it, see
        `sedd.runtime.resumable.only_writer`. None: nothing is kept.
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
    texts = RequestedTexts(model, requests)
    with progress(f"sample {model.name}", texts.count, "text") as bar:
        finished = run_resumable(
            len(texts.batches),
            lambda number: texts.draw(number, bar),
            folder=None if out is None else partial_folder(out),
            identity=texts.identity,
            world=world or World(model.device),
            on_done=lambda number: bar.update(len(texts.indices(number))),
        )
    drawn: dict[int, DrawnText] = {}
    for number, batch in enumerate(finished):
        drawn |= zip(texts.indices(number), batch.values, strict=True)
    times = {"created": now(), "seconds": round(sum(batch.seconds for batch in finished), 2)}
    return [texts.line(index, drawn[index], times) for index in range(texts.count)]


def as_lines(texts: Sequence[Mapping[str, Any]]) -> str:
    """Samples as JSON lines."""
    return "".join(json_text(text, ensure_ascii=False) + "\n" for text in texts)


def write_samples(texts: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write samples, one JSON a line."""
    write_text(path, as_lines(texts))
