"""The texts of one checkpoint, drawn in every way that is compared, and one judge's scores of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sedd.config import AnyExperiment, DrawSetting, draw_settings, section_sha256
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.evaluate.generative import judge_texts, read_drawn
from sedd.evaluate.judge import Judge
from sedd.paths import generative_file, grid_file, samples_file
from sedd.results import generative, samples
from sedd.results.generative import GenerativeGrid, GenerativeResult, JudgedTexts
from sedd.results.record import Provenance
from sedd.results.samples import Sample
from sedd.runtime.device import device_name
from sedd.runtime.distributed import World
from sedd.runtime.provenance import code_version, file_sha256, now


def check_drawn(experiment: AnyExperiment, step: int) -> None:
    """Raise DataError, with the commands that draw them, if files of samples are missing or empty."""
    missing = []
    for point in draw_settings(experiment):
        path = samples_file(experiment.name, step, *point)
        if path.is_file():
            read_drawn(path)
        else:
            missing.append(samples.command(experiment, step, point))
    if missing:
        raise DataError(
            f"{experiment.name}: texts to judge are missing; draw them:\n  " + "\n  ".join(missing)
        )


def judge_grid(
    experiment: AnyExperiment, step: int, judge: Judge, world: World | None = None
) -> Iterator[tuple[Path, GenerativeResult]]:
    """Judge each file of samples, write the result and yield it; a current result is yielded as it
    is.

    Several processes share the files, and each yields its own. At the end one file lists all
    results. Raises DataError, as `check_drawn`.
    """
    check_drawn(experiment, step)
    world = world or World(judge.device)
    points = draw_settings(experiment)
    for point in points[world.rank :: world.size]:
        path = generative_file(experiment.name, step, judge.name, *point)
        drawn = samples_file(experiment.name, step, *point)
        result = generative.read_current(
            path, judge.sha256, file_sha256(drawn), experiment.generative.convention
        )
        if result is None:
            result = judge_file(experiment, step, judge, point, drawn)
            result.write(path)
        yield path, result
    world.all_gather(None)
    if world.is_first:
        GenerativeGrid(
            experiment=experiment.name,
            step=step,
            judge=judge.name,
            files=[
                generative_file(experiment.name, step, judge.name, *point).name for point in points
            ],
        ).write(grid_file(experiment.name, step, judge.name))


def judge_file(
    experiment: AnyExperiment, step: int, judge: Judge, point: DrawSetting, path: Path
) -> GenerativeResult:
    """The result of one file of samples."""
    drawn = read_drawn(path)
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    tokens = [text.tokens for text in drawn]
    if any(token >= tokenizer.vocab_size for text in tokens for token in text):
        raise DataError(
            f"{path}: holds tokens outside the vocabulary, such as masks; draw with sampling.denoise true"
        )
    first = drawn[0]
    if "checkpoint_sha256" not in first.provenance:
        raise DataError(
            f"{path}: its samples do not say which checkpoint wrote them; draw it again: sedd sample"
        )
    drawing_seconds = first.provenance.get("seconds")
    start = time.perf_counter()
    judged = judge_texts(
        judge,
        [text.text for text in drawn],
        tokens,
        tokenizer,
        experiment.generative.batch_size,
        experiment.generative.convention,
    )
    seconds = time.perf_counter() - start
    sampler, steps, precision = point
    return GenerativeResult(
        experiment=experiment.name,
        step=step,
        judge=judge.name,
        sampler=sampler,
        steps=steps,
        precision=precision,
        **judged.model_dump(),
        network_calls=mean_calls(drawn),
        seconds_per_text=drawing_seconds / len(drawn) if drawing_seconds is not None else None,
        length=first.settings["length"],
        samples_sha256=file_sha256(path),
        provenance=Provenance(
            config_sha256=experiment.sha256(),
            identity_sha256=section_sha256(generative.KIND.identity(experiment)),
            checkpoint_sha256=first.provenance["checkpoint_sha256"],
            code_version=code_version(),
            seed=first.seed,
            device=device_name(judge.device),
            seconds=round(seconds, 2),
            created=now(),
        ),
    )


def mean_calls(drawn: Sequence[Sample]) -> float | None:
    """Mean number of network calls of the texts; None if the file does not say."""
    calls = [text.network_calls for text in drawn]
    known = [count for count in calls if count is not None]
    return sum(known) / len(known) if known and len(known) == len(calls) else None


def judge_any(path: Path, experiment: AnyExperiment, judge: Judge) -> JudgedTexts:
    """The judge's scores of other texts: one a line, plain, or JSON with a key `text`.

    Raises DataError if the file is missing, malformed or empty.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        texts = [json.loads(line)["text"] for line in lines] if path.suffix == ".jsonl" else lines
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: must hold one JSON object a line, with a key `text`: {error}"
        ) from error
    if not texts:
        raise DataError(f"{path}: holds no text")
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    return judge_texts(
        judge,
        texts,
        tokenizer.encode_batch(texts),
        tokenizer,
        experiment.generative.batch_size,
        experiment.generative.convention,
    )
