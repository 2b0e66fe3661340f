"""Samples: texts that a checkpoint wrote, one JSON line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sedd.config import (
    AnyExperiment,
    DrawSetting,
    Experiment,
    Identity,
    Keys,
    checkpoint_steps,
    sampling_steps,
)
from sedd.errors import DataError
from sedd.paths import run_dir, samples_file
from sedd.results.record import parse

PATH = "results/runs/{experiment}/samples/step_{step}/{sampler}_{steps}{draws}.jsonl"
# sampler, steps and precision are in the path
KEYS = Keys(
    include=("seed", "data.tokenizer", "data.length", "sampling"),
    exclude=("sampling.sampler", "sampling.steps", "sampling.precision"),
)
TARGETS = ("sampling.sampler", "sampling.steps", "sampling.precision")


class Sample(BaseModel):
    """A text with the number of its tokens that were a prefix or a suffix.

    Other keys are allowed: a file of samples may come from elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    index: int
    text: str
    tokens: list[int]
    prefix_tokens: int = 0
    suffix_tokens: int = 0
    settings: dict[str, Any]
    seed: int
    provenance: dict[str, Any] = {}


def identity(subject: AnyExperiment) -> Identity:
    """The settings that the texts of a file depend on, besides the weights and what the path says."""
    return KEYS.identity(subject)


def own_drawing(subject: AnyExperiment) -> DrawSetting:
    """The sampler, steps and precision of the `sampling` section."""
    return subject.sampling.sampler, sampling_steps(subject), subject.sampling.precision


def read(path: Path) -> list[Sample]:
    """One sample per line. Raises DataError that names the first malformed line."""
    with path.open("rb") as file:
        return [
            parse(Sample, line, f"{path}, line {number}") for number, line in enumerate(file, 1)
        ]


def read_all(experiment: Experiment) -> dict[tuple[int, Path], list[Sample]]:
    """The samples of a run, by step and file; steps of earlier settings are left out. Raises DataError."""
    files = run_dir(experiment.name).glob("samples/step_*/*.jsonl")
    by_step = {(_step(path.parent), path): path for path in files}
    steps = checkpoint_steps(experiment)
    return {key: read(path) for key, path in by_step.items() if key[0] in steps}


def file_of(subject: AnyExperiment, step: int, drawn: DrawSetting | None = None) -> str:
    """The file of the samples drawn with a sampler, steps and precision; by default those of `sampling`."""
    return str(samples_file(subject.name, step, *(drawn or own_drawing(subject))))


def _step(folder: Path) -> int:
    number = folder.name.removeprefix("step_")
    if not number.isdigit():
        raise DataError(f"{folder}: not the folder of a step; expected step_N, as in step_1000")
    return int(number)
