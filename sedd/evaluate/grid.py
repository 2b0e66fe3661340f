"""The texts of one checkpoint, drawn in every way that is compared, and one judge's scores of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from sedd.config import (
    AnyExperiment,
    DrawSetting,
    draw_settings,
    judged_reference_tokens,
    measuring_seed,
    section_sha256,
    text_length,
)
from sedd.data.text_files import read_texts
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.evaluate.generative import judge_texts, read_drawn
from sedd.evaluate.judge import Judge
from sedd.evaluate.mauve_score import features, mauve_score
from sedd.evaluate.measured_text import open_real_texts
from sedd.paths import generative_file, grid_file, samples_file
from sedd.results import generative, samples
from sedd.results.generative import GenerativeGrid, GenerativeResult, JudgedTexts
from sedd.results.record import Provenance
from sedd.results.samples import Sample
from sedd.results.weights import is_earlier
from sedd.runtime.device import device_name
from sedd.runtime.distributed import World
from sedd.runtime.provenance import code_version, file_sha256, now


class RealTexts:
    """Real texts (R, L) that the judged texts are compared with; the judge reads them once."""

    def __init__(self, texts: torch.Tensor):
        self.sha256 = hashlib.sha256(texts.numpy().tobytes()).hexdigest()
        self._texts = texts
        self._features: np.ndarray | None = None

    @classmethod
    def open(cls, experiment: AnyExperiment) -> RealTexts | None:
        """None if no MAUVE is asked for. Raises DataError if the split has too few texts."""
        settings, split = experiment.generative.mauve, judged_reference_tokens(experiment)
        if settings is None or split is None:
            return None
        length, count = text_length(experiment), settings.references
        return cls(open_real_texts(*split, length, count, key="generative.mauve"))

    def mauve(
        self, judge: Judge, drawn: Sequence[Sequence[int]], experiment: AnyExperiment
    ) -> float:
        """The score of drawn texts, with as many clusters as mauve-text would choose."""
        tokenizer = load_tokenizer(experiment.data.tokenizer)
        size = experiment.generative.batch_size
        if self._features is None:
            real = self._texts.tolist()
            self._features = features(judge, real, tokenizer, size, "real texts")
        texts = features(judge, drawn, tokenizer, size, "samples")
        buckets = min(len(self._features), len(texts)) // 10
        return mauve_score(self._features, texts, buckets, measuring_seed(experiment))


def check_drawn(experiment: AnyExperiment, step: int) -> None:
    """Raise DataError, with the commands that draw them, if files of samples are missing, empty or
    drawn with earlier weights, or if there are too few real texts to compare with.
    """
    missing, earlier = [], []
    for point in draw_settings(experiment):
        path = samples_file(experiment.name, step, *point)
        if not path.is_file():
            missing.append(samples.command(experiment, step, point))
        elif is_earlier(experiment.name, step, read_drawn(path)[0].provenance.checkpoint_sha256):
            earlier.append(samples.command(experiment, step, point))
    problems = [
        f"{experiment.name}: texts to judge {what}; draw them:\n  " + "\n  ".join(commands)
        for what, commands in (("are missing", missing), ("are of earlier weights", earlier))
        if commands
    ]
    if problems:
        raise DataError("\n".join(problems))
    RealTexts.open(experiment)


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
    real = RealTexts.open(experiment)
    points = draw_settings(experiment)
    for point in points[world.rank :: world.size]:
        path = generative_file(experiment.name, step, judge.name, *point)
        drawn = samples_file(experiment.name, step, *point)
        result = generative.read_current(
            path,
            judge.sha256,
            file_sha256(drawn),
            experiment.generative.convention,
            real.sha256 if real else None,
        )
        if result is None:
            result = judge_file(experiment, step, judge, point, drawn, real)
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
    experiment: AnyExperiment,
    step: int,
    judge: Judge,
    point: DrawSetting,
    path: Path,
    real: RealTexts | None = None,
) -> GenerativeResult:
    """The result of one file of samples."""
    drawn = read_drawn(path)
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    tokens = [text.tokens for text in drawn]
    if {text.provenance.tokenizer_sha256 for text in drawn} - {None, tokenizer.sha256}:
        raise DataError(
            f"{path}: drawn with another vocabulary than {tokenizer.name!r} has now; "
            "restore the tokenizer's files, or train and draw again"
        )
    if any(token >= tokenizer.vocab_size for text in tokens for token in text):
        raise DataError(
            f"{path}: holds tokens outside the vocabulary, such as masks; draw with sampling.denoise true"
        )
    first = drawn[0]
    checkpoints = {text.provenance.checkpoint_sha256 for text in drawn}
    length = first.settings.get("length")
    if None in checkpoints or len(checkpoints) > 1 or type(length) is not int:
        raise DataError(
            f"{path}: its samples must say which checkpoint wrote them, all the same one, and their "
            "length; draw it again: sedd sample"
        )
    drawing_seconds = first.provenance.seconds
    start = time.perf_counter()
    judged = judge_texts(
        judge,
        [text.text for text in drawn],
        tokens,
        tokenizer,
        experiment.generative.batch_size,
        experiment.generative.convention,
    )
    mauve = None if real is None else real.mauve(judge, tokens, experiment)
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
        mauve=mauve,
        references_sha256=real.sha256 if real else None,
        length=length,
        samples_sha256=file_sha256(path),
        provenance=Provenance(
            config_sha256=experiment.sha256(),
            identity_sha256=section_sha256(generative.KIND.identity(experiment)),
            checkpoint_sha256=checkpoints.pop() or "",
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
    texts = [document.text for document in read_texts([str(path)])]
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    return judge_texts(
        judge,
        texts,
        tokenizer.encode_batch(texts),
        tokenizer,
        experiment.generative.batch_size,
        experiment.generative.convention,
    )
