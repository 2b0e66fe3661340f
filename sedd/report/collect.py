"""Read what the runs left under results/: perplexities and samples.

A file that is not there is told as None, or is absent from a list, and whoever shows it says so; a
file that is there but malformed is a DataError that names it. Nothing is filled in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sedd.config import Experiment, checkpoint_steps, load_experiment
from sedd.config.table import TableConfig
from sedd.errors import DataError
from sedd.paths import evaluation_file, run_dir


class Record(BaseModel):
    """A part of a results file. Keys that a later version added are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Unigram(Record):
    """What token frequencies alone would score: the text's own, and the training text's."""

    text_nats_per_token: float = Field(ge=0)
    text_bits_per_character: float = Field(ge=0)
    train_nats_per_token: float = Field(ge=0)
    train_bits_per_character: float = Field(ge=0)

    @property
    def text_perplexity(self) -> float:
        return math.exp(self.text_nats_per_token)

    @property
    def train_perplexity(self) -> float:
        return math.exp(self.train_nats_per_token)


class Provenance(Record):
    """Where a number comes from."""

    config_sha256: str
    checkpoint_sha256: str
    code_version: str
    seed: int
    device: str
    seconds: float
    created: str


class Evaluation(Record):
    """One checkpoint measured on one text, with its standard error. bound: an upper bound, not the number itself."""

    experiment: str
    step: int
    dataset: str
    split: str
    tokenizer: str
    bound: bool = True
    nats_per_token: float
    standard_error: float = Field(ge=0)
    perplexity: float = Field(gt=0)
    bits_per_character: float
    bits_per_character_standard_error: float = Field(ge=0)
    num_sequences: int
    num_tokens: int
    num_characters: int
    num_draws: int
    unigram: Unigram
    provenance: Provenance

    @property
    def perplexity_standard_error(self) -> float:
        """To first order: d exp(x) = exp(x) dx."""
        return self.perplexity * self.standard_error


class Sample(Record):
    """A text that a checkpoint wrote, with what was given to it at either end."""

    index: int
    text: str
    tokens: list[int]
    prefix_tokens: int = 0
    suffix_tokens: int = 0
    settings: dict[str, Any]
    seed: int


R = TypeVar("R", bound=Record)
# by a row's experiment, its step (None: the last) and a column's dataset; None where no file is
Evaluations = Mapping[tuple[str, int | None, str], Evaluation | None]


def read_evaluation(experiment: str, step: int, dataset: str) -> Evaluation | None:
    """The perplexity of one checkpoint on one text, or None if it was not measured."""
    path = evaluation_file(experiment, step, dataset)
    if not path.is_file():
        return None
    found = parse(Evaluation, path.read_bytes(), f"{path}")
    place, content = (experiment, step, dataset), (found.experiment, found.step, found.dataset)
    if place != content:
        raise DataError(
            f"{path}: holds the numbers of {content}, its place is that of {place}; "
            f"measure again: sedd perplexity {experiment} --step {step} --dataset {dataset}"
        )
    return found


def table_evaluations(table: TableConfig) -> Evaluations:
    """Every number that the table has a cell for, at its row's step or the last checkpoint."""
    wanted = {(row.experiment, row.step) for row in table.rows if row.kind != "published"}
    return {
        (name, step, column.dataset): read_evaluation(name, step or last_step(name), column.dataset)
        for name, step in wanted
        for column in table.columns.values()
    }


def last_step(experiment: str) -> int:
    """The step that a finished run ends at."""
    return checkpoint_steps(load_experiment(experiment))[-1]


def run_evaluations(experiment: Experiment) -> list[Evaluation]:
    """Everything measured on a run so far, by text and then by step."""
    files = run_dir(experiment.name).glob("eval/step_*/*.json")
    keys = sorted((path.stem, _step(path.parent)) for path in files)
    steps = checkpoint_steps(experiment)  # others are of settings before these
    found = [
        read_evaluation(experiment.name, step, dataset) for dataset, step in keys if step in steps
    ]
    return [evaluation for evaluation in found if evaluation is not None]


def run_samples(experiment: Experiment) -> dict[tuple[int, Path], list[Sample]]:
    """The run's samples so far, by step and file."""
    files = run_dir(experiment.name).glob("samples/step_*/*.jsonl")
    steps = checkpoint_steps(experiment)  # others are of settings before these
    return {
        (_step(path.parent), path): read_samples(path)
        for path in files
        if _step(path.parent) in steps
    }


def read_samples(path: Path) -> list[Sample]:
    """One sample a line."""
    with path.open("rb") as file:
        return [
            parse(Sample, line, f"{path}, line {number}") for number, line in enumerate(file, 1)
        ]


def parse(kind: type[R], content: bytes, place: str) -> R:
    """A record out of JSON. Raises DataError that names `place` and everything that is wrong there."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        what = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'content'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise DataError(f"{place}: malformed: {what}; delete the file and make it again") from error


def _step(folder: Path) -> int:
    number = folder.name.removeprefix("step_")
    if not number.isdigit():
        raise DataError(f"{folder}: not a step's folder; expected step_N, as in step_1000")
    return int(number)
