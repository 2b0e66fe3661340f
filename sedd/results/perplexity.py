"""Perplexities: the likelihood of a text under a checkpoint, exact or an upper bound."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field

from sedd.config import (
    AnyExperiment,
    Keys,
    evaluated_steps,
    measured_split,
    training_tokens,
)
from sedd.paths import evaluation_file
from sedd.results import checkpoint, tokens
from sedd.results.kind import Job, Kind
from sedd.results.record import Measurement, Record
from sedd.results.spelled import product, spell

PATH = "results/runs/{experiment}/eval/step_{step}/{dataset}.json"
# which texts are measured, at which checkpoints
TARGETS = ("evaluation.datasets", "evaluation.checkpoints")


class UnigramBaseline(Record):
    """What a model that knows only token frequencies would score.

    text: with the frequencies of the measured text. train: with those of the training text; None
        for a pretrained
    model, whose training text is unknown.
    """

    text_nats_per_token: float = Field(ge=0)
    text_bits_per_character: float = Field(ge=0)
    train_nats_per_token: float | None = Field(default=None, ge=0)
    train_bits_per_character: float | None = Field(default=None, ge=0)

    @property
    def text_perplexity(self) -> float:
        return math.exp(self.text_nats_per_token)

    @property
    def train_perplexity(self) -> float | None:
        nats = self.train_nats_per_token
        return None if nats is None else math.exp(nats)


class Likelihood(Measurement):
    """The likelihood of texts, with its standard error over texts and times.

    bound: the perplexity is an upper bound. perplexity: None if it is too large for a float.
    standard_error: over groups of neighboring sequences, or over documents that are scored one by
        one; None for a single sequence or document.
    group_nats_per_token: of each group, in text order. None in records that take sequences as
        independent, and for documents that are scored one by one.
    """

    tokenizer: str
    bound: bool
    estimator: str
    nats_per_token: float
    standard_error: float | None = Field(ge=0)
    perplexity: float | None = Field(gt=0)
    bits_per_character: float
    bits_per_character_standard_error: float | None = Field(ge=0)
    num_sequences: int
    num_tokens: int
    num_characters: int
    num_draws: int
    num_processes: int
    group_nats_per_token: list[float] | None = None

    @property
    def perplexity_standard_error(self) -> float | None:
        """To first order: d exp(x) = exp(x) dx."""
        return product(self.perplexity, self.standard_error)

    def summary(self) -> str:
        sign = "<= " if self.bound else ""
        bits = spell(self.bits_per_character, self.bits_per_character_standard_error, ".3f")
        perplexity = spell(self.perplexity, None, nats=self.nats_per_token)
        return f"perplexity {sign}{perplexity}, {sign}{bits} bits per character"


class PerplexityResult(Likelihood):
    """The likelihood of one text.

    split: train, validation or test: the part of the text that the protocol measures.
    """

    LOCATION: ClassVar = ("experiment", "step", "dataset")

    dataset: str
    split: str
    protocol: str
    unigram: UnigramBaseline
    tokens_sha256: str

    def what(self) -> str:
        times = f", {self.num_draws} times each" if self.bound else ""
        return (
            f"{self.split} split of {self.dataset} (protocol {self.protocol}), "
            f"{self.num_sequences:,} sequences, {self.num_tokens:,} tokens{times}"
        )


def read(experiment: str, step: int, dataset: str) -> PerplexityResult | None:
    """The perplexity of one checkpoint on one text; None if it was not measured. Raises DataError."""
    return PerplexityResult.read(
        evaluation_file(experiment, step, dataset),
        f"sedd perplexity {experiment} --step {step} --dataset {dataset}",
        experiment=experiment,
        step=step,
        dataset=dataset,
    )


def _jobs(subject: AnyExperiment) -> list[Job]:
    return [
        {"experiment": subject.name, "step": step, "dataset": dataset}
        for step in evaluated_steps(subject)
        for dataset in subject.evaluation.datasets
    ]


def _inputs(subject: AnyExperiment, wildcards: Any) -> list[str]:
    """The weights, the text, and the training text, whose frequencies make the unigram baseline."""
    text = wildcards.dataset, subject.data.tokenizer, measured_split(subject)
    splits = [text, *training_tokens(subject)[:1]]
    return [
        *checkpoint.files_of_job(subject, wildcards),
        *(path for split in splits for path in tokens.files(*split)),
    ]


KIND = Kind(
    rule="perplexity",
    position=3,
    outputs=(PATH,),
    keys=Keys(
        include=("seed", "data.tokenizer", "data.length", "data.blocks", "evaluation"),
        exclude=TARGETS,
    ),
    targets=TARGETS,
    jobs=_jobs,
    inputs=_inputs,
)
