"""Samples: texts that a checkpoint wrote, one JSON line each."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, model_validator

from sedd.config import (
    AnyExperiment,
    DrawSetting,
    Experiment,
    Keys,
    checkpoint_steps,
    draw_settings,
    evaluated_steps,
    measured_steps,
    sampler_at,
    sampling_steps,
    with_drawing,
)
from sedd.errors import DataError
from sedd.paths import run_dir, samples_file
from sedd.results import checkpoint
from sedd.results.kind import Job, Kind
from sedd.results.record import parse
from sedd.results.weights import earlier_files
from sedd.runtime.json_text import json_text

PATH = "results/runs/{experiment}/samples/step_{step}/{sampler}_{steps}{draws}.jsonl"
# in the path
TARGETS = ("sampling.sampler", "sampling.steps", "sampling.precision")


class Drawing(BaseModel):
    """Provenance of a sample, as far as readers need it; None: not recorded.

    seconds: of drawing all texts of the file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    checkpoint_sha256: str | None = None
    tokenizer_sha256: str | None = None
    seconds: NonNegativeFloat | None = None


class Sample(BaseModel):
    """A text with the number of its tokens that were a prefix or a suffix.

    network_calls: that drawing it took; None: not recorded.
    Other keys are allowed: a file of samples may come from elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    index: NonNegativeInt
    text: str
    tokens: list[NonNegativeInt]
    prefix_tokens: NonNegativeInt = 0
    suffix_tokens: NonNegativeInt = 0
    network_calls: NonNegativeInt | None = None
    settings: dict[str, Any]
    seed: int
    provenance: Drawing = Drawing()

    @model_validator(mode="after")
    def _given_tokens_are_within_the_text(self) -> Sample:
        given = self.prefix_tokens + self.suffix_tokens
        if given > len(self.tokens):
            raise ValueError(
                f"a text of {len(self.tokens)} tokens cannot have {given} given tokens"
            )
        return self


def own_drawing(subject: AnyExperiment) -> DrawSetting:
    """The sampler, steps and precision of the `sampling` section."""
    return subject.sampling.sampler, sampling_steps(subject), subject.sampling.precision


def read(path: Path, most: int | None = None) -> list[Sample]:
    """One sample per line, `most` at most. Raises DataError if the file cannot be read, which names the
    first malformed line.
    """
    try:
        with path.open("rb") as file:
            lines = list(itertools.islice(file, most))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return [parse(Sample, line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def check_holds_samples(path: Path) -> None:
    """Raise DataError if a file, which new samples would replace, holds something else."""
    if path.is_file() and path.stat().st_size:
        try:
            read(path, 1)
        except DataError:
            raise DataError(
                f"{path}: exists, and holds no samples; name another file, or remove this one"
            ) from None


def read_all(experiment: Experiment) -> dict[tuple[int, Path], list[Sample]]:
    """The samples of a run, by step and file; steps of earlier settings and texts of earlier weights
    are left out. Raises DataError.
    """
    files = run_dir(experiment.name).glob("samples/step_*/*.jsonl")
    by_step = {(_step(path.parent), path): path for path in files}
    steps, earlier = checkpoint_steps(experiment), earlier_files(experiment.name)
    return {
        key: read(path) for key, path in by_step.items() if key[0] in steps and path not in earlier
    }


def file_of(subject: AnyExperiment, step: int, drawn: DrawSetting | None = None) -> str:
    """The file of the samples drawn with a sampler, steps and precision; by default those of
    `sampling`.
    """
    return str(samples_file(subject.name, step, *(drawn or own_drawing(subject))))


def command(subject: AnyExperiment, step: int, drawn: DrawSetting) -> str:
    """The command that draws the texts of a point of the grid."""
    words = ["sedd", "sample", subject.name, "--step", str(step), *sampler_words(subject, drawn[0])]
    words += ["--steps", str(drawn[1]), "--precision", drawn[2]]
    return shlex.join([*words, "--out", file_of(subject, step, drawn)])


def sampler_words(subject: AnyExperiment, label: str) -> list[str]:
    """The words of a command that choose the sampler with this label."""
    point = sampler_at(subject, label)
    given = [f"{key}={json_text(value).strip(chr(34))}" for key, value in _options(point.given())]
    return ["--sampler", point.sampler, *(word for one in given for word in ("--option", one))]


def _options(values: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of nested options."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _options(value, f"{section}{key}.")
        else:
            yield f"{section}{key}", value


def _at(subject: AnyExperiment, wildcards: Any) -> AnyExperiment:
    """The subject with the sampler of a job."""
    precision = "float32" if wildcards.draws else "float64"
    return with_drawing(subject, (wildcards.sampler, int(wildcards.steps), precision))


def _step(folder: Path) -> int:
    number = folder.name.removeprefix("step_")
    if not number.isdigit():
        raise DataError(f"{folder}: not the folder of a step; expected step_N, as in step_1000")
    return int(number)


def _jobs(subject: AnyExperiment) -> list[Job]:
    """The texts of the `sampling` section at each measured checkpoint, and those that are judged at
    the last one.
    """
    last = measured_steps(subject)[-1]
    points = [(step, own_drawing(subject)) for step in evaluated_steps(subject)]
    points += [(last, drawn) for drawn in draw_settings(subject)]
    return [
        {
            "experiment": subject.name,
            "step": step,
            "sampler": sampler,
            "steps": steps,
            "draws": "" if precision == "float64" else f"_{precision}",
        }
        for step, (sampler, steps, precision) in dict.fromkeys(points)
    ]


KIND = Kind(
    rule="sample",
    position=1,
    outputs=(PATH,),
    keys=Keys(
        include=("seed", "evaluation.seed", "data.tokenizer", "data.length", "sampling"),
        exclude=(*TARGETS, "sampling.infill"),
    ),
    targets=TARGETS,
    jobs=_jobs,
    inputs=checkpoint.files_of_job,
    at=_at,
)
