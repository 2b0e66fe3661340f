"""Generative perplexities: how likely a causal judge finds the texts of a checkpoint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from sedd.config import (
    AnyExperiment,
    DrawSetting,
    checkpoint_steps,
    draw_settings,
    judged_reference_tokens,
    measured_steps,
)
from sedd.config.experiment import Experiment
from sedd.config.identity import Keys
from sedd.config.sections.generative import Convention
from sedd.paths import folder_name, generative_file, name_of_folder, run_dir
from sedd.results import checkpoint, samples, tokens
from sedd.results.kind import Job, Kind
from sedd.results.record import Measurement, Record, parse
from sedd.results.spelled import spell
from sedd.results.weights import has_earlier_weights

# the record of all points of the grid; each point has a file in the folder of the same name
PATH = "results/runs/{experiment}/eval/step_{step}/generative/{judge}.json"


class JudgedTexts(Record):
    """The scores of a judge for some texts, with standard errors over texts (None for one text).

    A perplexity, or its error, that is too large for a float is None.
    mean_sequence_perplexity: mean over texts, as in the paper's code. corpus_perplexity: over all
        tokens of all texts.
    convention: the tokens that are scored, see `generative.convention`.
    entropy_nats: of each text's own token frequencies, mean over texts.
    nats_per_token: over all tokens of all texts; None: not recorded.
    """

    corpus_perplexity: float | None = Field(gt=0)
    corpus_perplexity_standard_error: float | None = Field(ge=0)
    mean_sequence_perplexity: float | None = Field(gt=0)
    mean_sequence_perplexity_standard_error: float | None = Field(ge=0)
    entropy_nats: float = Field(ge=0)
    entropy_nats_standard_error: float | None = Field(ge=0)
    num_sequences: int
    num_too_short: int
    num_tokens: int
    retokenized: bool
    judge_sha256: str
    convention: Convention = "every_token"
    nats_per_token: float | None = None

    # The headline, which tables, pages and figures show: the mean over texts, as in the code of the
    # paper and of RADD. The record also has that over all tokens of all texts.
    MEAN: ClassVar = "mean over texts"

    @property
    def perplexity(self) -> float | None:
        return self.mean_sequence_perplexity

    @property
    def perplexity_error(self) -> float | None:
        return self.mean_sequence_perplexity_standard_error

    @property
    def spelled(self) -> str:
        """The headline with its standard error, or how large the perplexity of all tokens is."""
        if self.perplexity is None and self.nats_per_token is not None:
            return f"too large, e^{self.nats_per_token:.1f} over all tokens"
        return spell(self.perplexity, self.perplexity_error)

    def summary(self) -> str:
        """The result in one line."""
        return (
            f"generative perplexity {self.spelled} ({self.MEAN}), "
            f"entropy {self.entropy_nats:.3f} nats, {self.num_sequences} texts, "
            f"convention {self.convention}"
        )


class GenerativeResult(JudgedTexts, Measurement):
    """The scores of a judge for the texts that a checkpoint drew in one way.

    sampler: its label, see `Sampling.label`. network_calls, seconds_per_text: of drawing, means over
        texts; None: not recorded. The seconds are those of the machine that drew the texts.
    mauve: against real texts whose tokens have the hash references_sha256; None: not measured.
    """

    LOCATION: ClassVar = ("experiment", "step", "judge", "sampler", "steps", "precision")

    judge: str
    sampler: str
    steps: int
    precision: str
    length: int
    samples_sha256: str
    network_calls: float | None = None
    seconds_per_text: float | None = None
    mauve: float | None = None
    references_sha256: str | None = None

    @property
    def entropy_bits(self) -> float:
        return self.entropy_nats / math.log(2)

    def judged_by(self) -> tuple[str, str]:
        return self.judge, self.judge_sha256

    def what(self) -> str:
        return (
            f"{self.num_sequences:,} texts by {self.sampler} in {self.steps} steps with {self.precision} draws, "
            f"{self.num_tokens:,} tokens judged by {self.judge}"
        )


class GenerativeGrid(Record):
    """The files of all points of an experiment's grid, for one judge."""

    experiment: str
    step: int
    judge: str
    files: list[str]


def read(experiment: str, step: int, judge: str, drawn: DrawSetting) -> GenerativeResult | None:
    """The result of one point of the grid; None if it was not judged. Raises DataError."""
    sampler, steps, precision = drawn
    return GenerativeResult.read(
        generative_file(experiment, step, judge, *drawn),
        f"sedd generative {experiment} --step {step}",
        experiment=experiment,
        step=step,
        judge=judge,
        sampler=sampler,
        steps=steps,
        precision=precision,
    )


def read_current(
    path: Path,
    judge_sha256: str,
    samples_sha256: str,
    convention: Convention,
    references_sha256: str | None,
) -> GenerativeResult | None:
    """The result at `path` if it is of this judge, these texts, convention and real texts."""
    if not path.is_file():
        return None
    result = parse(GenerativeResult, path.read_bytes(), f"{path}")
    of = result.judge_sha256, result.samples_sha256, result.convention, result.references_sha256
    now = judge_sha256, samples_sha256, convention, references_sha256
    return result if of == now else None


def read_all(experiment: Experiment) -> list[GenerativeResult]:
    """By judge, sampler, precision, checkpoint and number of steps; results of earlier weights are
    left out. Raises DataError for a malformed file.
    """
    results = [
        parse(GenerativeResult, path.read_bytes(), f"{path}")
        for step in checkpoint_steps(experiment)
        for path in run_dir(experiment.name).glob(f"eval/step_{step}/generative/*/*.json")
    ]
    current = [result for result in results if not has_earlier_weights(result)]
    return sorted(
        current, key=lambda one: (one.judge, one.sampler, one.precision, one.step, one.steps)
    )


def _jobs(subject: AnyExperiment) -> list[Job]:
    if not draw_settings(subject):
        return []
    judge = folder_name(subject.generative.judge)
    return [{"experiment": subject.name, "step": measured_steps(subject)[-1], "judge": judge}]


def _inputs(subject: AnyExperiment, wildcards: Any) -> list[str]:
    """The texts of every point of the grid, the judge's weights, and the real texts for MAUVE."""
    step, judge = int(wildcards.step), name_of_folder(wildcards.judge)
    texts = [samples.file_of(subject, step, drawn) for drawn in draw_settings(subject)]
    real = judged_reference_tokens(subject)
    return [*texts, *checkpoint.files_of_model(judge), *(tokens.files(*real) if real else [])]


KIND = Kind(
    rule="generative",
    position=4,
    outputs=(PATH,),
    keys=Keys(
        include=tuple(
            f"generative.{key}"
            for key in ("steps", "samplers", "precisions", "convention", "mauve")
        )
    ),
    targets=("generative",),
    jobs=_jobs,
    inputs=_inputs,
)
