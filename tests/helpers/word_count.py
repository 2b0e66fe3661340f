"""A toy kind of result: the number of words of an experiment's description and its samples."""

from __future__ import annotations

from typing import Any

from sedd.config import AnyExperiment, Keys, evaluated_steps
from sedd.results import samples
from sedd.results.kind import Job, Kind


def _jobs(subject: AnyExperiment) -> list[Job]:
    return [{"experiment": subject.name, "step": step} for step in evaluated_steps(subject)]


def _inputs(subject: AnyExperiment, wildcards: Any) -> list[str]:
    return [samples.file_of(subject, int(wildcards.step))]


KIND = Kind(
    rule="word_count",
    position=10,
    outputs=("results/runs/{experiment}/words/step_{step}.txt",),
    keys=Keys(include=("description",)),
    targets=("evaluation.checkpoints",),
    jobs=_jobs,
    inputs=_inputs,
)
