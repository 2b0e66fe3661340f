"""Infills: texts of a checkpoint around the given text of `sampling.infill`, one JSON line each."""

from __future__ import annotations

from sedd.config import AnyExperiment, Keys, measured_steps
from sedd.results import checkpoint
from sedd.results.kind import Job, Kind

PATH = "results/runs/{experiment}/samples/step_{step}/infill.jsonl"
TARGETS = ("sampling.infill",)


def file_of(subject: AnyExperiment) -> str:
    """The infills of the last checkpoint."""
    return PATH.format(experiment=subject.name, step=measured_steps(subject)[-1])


def _jobs(subject: AnyExperiment) -> list[Job]:
    if not subject.sampling.infill:
        return []
    return [{"experiment": subject.name, "step": measured_steps(subject)[-1]}]


KIND = Kind(
    rule="infill",
    position=6,
    outputs=(PATH,),
    keys=Keys(
        include=("seed", "evaluation.seed", "data.tokenizer", "data.length", "sampling"),
        exclude=("sampling.count",),
    ),
    targets=TARGETS,
    jobs=_jobs,
    inputs=checkpoint.files_of_job,
)
