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

from sedd.config import Experiment, checkpoint_steps, load_subject, measured_steps
from sedd.config.table import BaselineRow, Column, OurRow, TableConfig
from sedd.errors import DataError
from sedd.paths import evaluation_file, generative_file, mauve_file, run_dir


class Record(BaseModel):
    """A part of a results file. Keys that a later version added are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Unigram(Record):
    """What token frequencies alone would score: the text's own, and the training text's."""

    text_nats_per_token: float = Field(ge=0)
    text_bits_per_character: float = Field(ge=0)
    # of a model that is not trained here, the training text is not known
    train_nats_per_token: float = Field(default=math.nan, ge=0, allow_inf_nan=True)
    train_bits_per_character: float = Field(default=math.nan, ge=0, allow_inf_nan=True)

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


class Measurement(Record):
    """One number, or a few of one kind, measured of one checkpoint."""

    experiment: str
    step: int
    provenance: Provenance

    def what(self) -> str:
        """What was measured, and on how much."""
        raise NotImplementedError


class Evaluation(Measurement):
    """The likelihood of one text, with its standard error. bound: its perplexity is an upper bound."""

    dataset: str
    split: str
    protocol: str = "standard"
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

    def what(self) -> str:
        times = f", {self.num_draws} times each" if self.bound else ""
        return (
            f"{self.split} split of {self.dataset} (protocol {self.protocol}), "
            f"{self.num_sequences:,} sequences, {self.num_tokens:,} tokens{times}"
        )

    @property
    def perplexity_standard_error(self) -> float:
        """To first order: d exp(x) = exp(x) dx."""
        return self.perplexity * self.standard_error


class Judgement(Measurement):
    """What a judge says of texts drawn in one way."""

    judge: str
    sampler: str
    steps: int
    precision: str
    corpus_perplexity: float = Field(gt=0)
    corpus_perplexity_standard_error: float = Field(ge=0)
    mean_sequence_perplexity: float = Field(gt=0)
    mean_sequence_perplexity_standard_error: float = Field(ge=0)
    entropy_nats: float = Field(ge=0)
    num_sequences: int
    num_tokens: int

    @property
    def entropy_bits(self) -> float:
        return self.entropy_nats / math.log(2)

    def what(self) -> str:
        return (
            f"{self.num_sequences:,} texts by {self.sampler} in {self.steps} steps with {self.precision} draws, "
            f"{self.num_tokens:,} tokens judged by {self.judge}"
        )


class Resemblance(Measurement):
    """The MAUVE of texts written around real ones. standard_error: None if each had one text only."""

    task: str
    mauve: float
    standard_error: float | None = Field(ge=0)
    featurizer: str
    num_references: int
    samples_per_reference: int
    sampler: str
    steps: int

    @property
    def judge(self) -> str:
        return self.featurizer

    def what(self) -> str:
        return (
            f"{self.task}, {self.num_references:,} real texts with {self.samples_per_reference} written around each by "
            f"{self.sampler} in {self.steps} steps, features of {self.featurizer}"
        )


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
# by the places of a row and a column in the table; None where no file is
Numbers = Mapping[tuple[int, str], Measurement | None]


def read_evaluation(experiment: str, step: int, dataset: str) -> Evaluation | None:
    """The perplexity of one checkpoint on one text, or None if it was not measured."""
    path = evaluation_file(experiment, step, dataset)
    if not path.is_file():
        return None
    found = parse(Evaluation, path.read_bytes(), f"{path}")
    again = f"sedd perplexity {experiment} --step {step} --dataset {dataset}"
    _check_place(
        path, (found.experiment, found.step, found.dataset), (experiment, step, dataset), again
    )
    return found


def read_judgement(row: OurRow, step: int, judge: str, steps: int) -> Judgement | None:
    """What a judge says of the texts that a row and a column ask for, or None if it was not asked."""
    drawn = row.sampler, steps, row.precision
    path = generative_file(row.experiment, step, judge, *drawn)
    if not path.is_file():
        return None
    found = parse(Judgement, path.read_bytes(), f"{path}")
    content = found.experiment, found.step, found.judge, found.sampler, found.steps, found.precision
    place = row.experiment, step, judge, *drawn
    _check_place(path, content, place, f"sedd generative {row.experiment} --step {step}")
    return found


def read_resemblance(experiment: str, step: int, task: str) -> Resemblance | None:
    """The MAUVE of one checkpoint, or None if it was not measured."""
    path = mauve_file(experiment, step, task)
    if not path.is_file():
        return None
    found = parse(Resemblance, path.read_bytes(), f"{path}")
    again = f"sedd mauve {experiment} --step {step} --task {task}"
    _check_place(path, (found.experiment, found.step, found.task), (experiment, step, task), again)
    return found


def _check_place(path: Path, content: object, place: object, again: str) -> None:
    if place != content:
        raise DataError(
            f"{path}: holds the numbers of {content}, its place is that of {place}; measure again: {again}"
        )


def table_numbers(table: TableConfig) -> Numbers:
    """Every number that the table has a cell for, at its row's step or the last checkpoint."""
    return {
        (number, name): _number(row, column)
        for number, row in enumerate(table.rows)
        if row.kind != "published"
        for name, column in table.columns.items()
    }


def _number(row: OurRow | BaselineRow, column: Column) -> Measurement | None:
    step = row.step if row.step is not None else last_step(row.experiment)
    if column.dataset is not None:
        return read_evaluation(row.experiment, step, column.dataset)
    if row.kind != "ours":
        return None
    if column.steps is not None:
        judge = load_subject(row.experiment).generative.judge
        return read_judgement(row, step, judge, column.steps)
    assert column.task is not None, "a column says what it is of"
    return read_resemblance(row.experiment, step, column.task)


def last_step(experiment: str) -> int:
    """The step that a finished run ends at."""
    return measured_steps(load_subject(experiment))[-1]


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
