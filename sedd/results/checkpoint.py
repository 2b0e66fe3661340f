"""Checkpoints: the weights of a run after a number of steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sedd.config import (
    AnyExperiment,
    Experiment,
    Identity,
    Pretrained,
    load_subject,
    measured_steps,
    training_identity,
)
from sedd.config.identity import WEIGHTS
from sedd.config.values import NAME
from sedd.paths import experiment_file
from sedd.results import fetched

PATH = "results/runs/{experiment}/checkpoints/step_{step}.pt"
KEYS = WEIGHTS
# which checkpoints there are
TARGETS = ("training.steps", "training.checkpoint_every")


def identity(subject: AnyExperiment) -> Identity:
    """The settings that determine the weights."""
    if isinstance(subject, Pretrained):
        return {"pretrained": subject.pretrained}
    return training_identity(subject)


def files(subject: AnyExperiment, step: int | None = None) -> list[str]:
    """The checkpoint of a run, by default its last. For a pretrained model, which has no file here,
    the records of what is fetched from the hub.
    """
    if not isinstance(subject, Experiment):
        model = fetched.files_of_model(subject.pretrained)
        return [*model, *fetched.files_of_tokenizer(subject.data.tokenizer)]
    step = measured_steps(subject)[-1] if step is None else step
    return [PATH.format(experiment=subject.name, step=step)]


def files_of_job(subject: AnyExperiment, wildcards: Any) -> list[str]:
    """The checkpoint that a job reads, which its wildcard `step` names."""
    return files(subject, int(wildcards.step))


def files_of_source(source: str | None) -> list[str]:
    """The checkpoint of this project that `training.init` names, or the record of a model of the
    hub; none for other models.
    """
    if source is None:
        return []
    path = Path(source)
    is_public = path.match("results/runs/*/checkpoints/step_*.pt") and not path.is_absolute()
    return [source] if is_public else files_of_model(source)


def files_of_model(name: str) -> list[str]:
    """The last checkpoint of the experiment `name`. For another name, which is a pretrained model,
    the record of what is fetched from the hub.
    """
    is_experiment = NAME.fullmatch(name) and experiment_file(name).is_file()
    return files(load_subject(name)) if is_experiment else fetched.files_of_model(name)
