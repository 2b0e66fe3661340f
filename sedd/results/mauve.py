"""MAUVE: how close the texts of a checkpoint, written around parts of real texts, come to these."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from sedd.config import (
    AnyExperiment,
    Keys,
    checkpoint_steps,
    measured_steps,
    reference_tokens,
)
from sedd.config.experiment import Experiment
from sedd.config.sections.generative import LEAST_TEXTS
from sedd.paths import mauve_file, run_dir
from sedd.results import checkpoint, tokens
from sedd.results.kind import Job, Kind
from sedd.results.record import Measurement, parse
from sedd.results.spelled import spell
from sedd.results.weights import has_earlier_weights

PATH = "results/runs/{experiment}/eval/step_{step}/mauve/{task}.json"


class MauveResult(Measurement):
    """The MAUVE score of one task.

    standard_error: over the scores of the first samples, the second samples, and so on; None for
        one sample per text.
    """

    LOCATION: ClassVar = ("experiment", "step", "task")
    TOO_FEW: ClassVar = f"fewer than {LEAST_TEXTS} texts"

    task: str
    mauve: float
    standard_error: float | None = Field(ge=0)
    mauve_of_each: list[float]
    featurizer: str
    featurizer_sha256: str
    buckets: int
    dataset: str
    split: str
    tokenizer: str
    num_references: int
    samples_per_reference: int
    length: int
    num_given: int
    sampler: str
    steps: int
    precision: str
    top_p: float | None

    @property
    def has_enough_texts(self) -> bool:
        """Whether the score is shown: that of fewer texts says little."""
        return self.num_references >= LEAST_TEXTS

    @property
    def judge(self) -> str:
        return self.featurizer

    def judged_by(self) -> tuple[str, str]:
        return self.featurizer, self.featurizer_sha256

    def what(self) -> str:
        return (
            f"{self.task}, {self.num_references:,} real texts with {self.samples_per_reference} samples each by "
            f"{self.sampler} in {self.steps} steps, features of {self.featurizer}"
        )

    def summary(self) -> str:
        if not self.has_enough_texts:
            return f"MAUVE is not shown: {self.num_references} real texts, {self.TOO_FEW}"
        score = spell(self.mauve, self.standard_error, ".3f")
        return f"MAUVE {score}, {self.num_references} real texts"


def read(experiment: str, step: int, task: str) -> MauveResult | None:
    """The score of one checkpoint; None if it was not measured. Raises DataError."""
    return MauveResult.read(
        mauve_file(experiment, step, task),
        f"sedd mauve {experiment} --step {step} --task {task}",
        experiment=experiment,
        step=step,
        task=task,
    )


def read_all(experiment: Experiment) -> list[MauveResult]:
    """By checkpoint and task; results of earlier weights are left out. Raises DataError for a
    malformed file.
    """
    results = [
        parse(MauveResult, path.read_bytes(), f"{path}")
        for step in checkpoint_steps(experiment)
        for path in sorted(run_dir(experiment.name).glob(f"eval/step_{step}/mauve/*.json"))
    ]
    return [result for result in results if not has_earlier_weights(result)]


def _jobs(subject: AnyExperiment) -> list[Job]:
    step = measured_steps(subject)[-1]
    return [
        {"experiment": subject.name, "step": step, "task": task} for task in subject.mauve.tasks
    ]


def _inputs(subject: AnyExperiment, wildcards: Any) -> list[str]:
    """The weights of the measured model, the real texts, and the weights of the featurizer."""
    return [
        *checkpoint.files_of_job(subject, wildcards),
        *tokens.files(*reference_tokens(subject)),
        *checkpoint.files_of_model(subject.mauve.featurizer),
    ]


KIND = Kind(
    rule="mauve",
    position=5,
    outputs=(PATH,),
    keys=Keys(
        include=("seed", "evaluation.seed", "data", "sampling", "mauve"),
        exclude=("mauve.tasks", "sampling.count", "sampling.infill"),
    ),
    targets=("mauve.tasks",),
    jobs=_jobs,
    inputs=_inputs,
)
