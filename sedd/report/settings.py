"""The settings of a run, each beside its default, and the commands that make the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sedd.config import TRAINING_SECTIONS, Experiment, sampling_steps
from sedd.config.experiments import experiment_from, resolved_file
from sedd.errors import ConfigError
from sedd.paths import samples_file

TOLD_ELSEWHERE = {"name", "base", "overrides", "description"}


@dataclass(frozen=True)
class Setting:
    """One key.

    default: None if the experiment has to choose. differs: there is a default, and it is another.
    """

    key: str
    value: str
    default: str | None
    differs: bool
    meaning: str


def settings_of(experiment: Experiment) -> list[Setting]:
    """Every setting, in the order of the file's sections."""
    return [line for line in _walk(experiment, "") if line.key not in TOLD_ELSEWHERE]


def changed_since_training(experiment: Experiment) -> list[str]:
    """Keys that shaped the weights and were edited after the run recorded its settings."""
    recorded = resolved_file(experiment.name)
    if not recorded.is_file():
        return []
    try:
        then = {line.key: line.value for line in settings_of(experiment_from(recorded))}
    except ConfigError:
        return [f"{recorded} was written by another version of this project"]
    return [
        f"{line.key} is {line.value}, was {then[line.key]}"
        for line in settings_of(experiment)
        if line.key.split(".")[0] in TRAINING_SECTIONS
        and then.get(line.key, line.value) != line.value
    ]


def _walk(settings: BaseModel, prefix: str) -> Iterator[Setting]:
    for name, field in type(settings).model_fields.items():
        value, key = getattr(settings, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _walk(value, f"{key}.")
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        yield Setting(
            key=key,
            value=spell(value),
            default=None if field.is_required() else spell(default),
            differs=not field.is_required() and value != default,
            meaning=field.description or "",
        )


def spell(value: Any) -> str:
    """A value as YAML has it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return f"[{', '.join(map(spell, value))}]"
        case _:
            return str(value)


def commands(experiment: Experiment, step: int) -> list[str]:
    """What makes the run and its page, one verb after the other, measuring checkpoint `step`."""
    name, sampling = experiment.name, experiment.sampling
    changed = [*experiment.overrides, "--name", name] if experiment.base else []
    made_from = [experiment.base or name, *experiment.overrides]
    samples = samples_file(name, step, sampling.sampler, sampling_steps(experiment))
    measured = [
        part for dataset in experiment.evaluation.datasets for part in ("--dataset", dataset)
    ]
    lines = [
        ["sedd", "tokenize", *made_from],
        ["sedd", "train", experiment.base or name, *changed],
        ["sedd", "sample", name, "--step", str(step), "--out", str(samples)],
        ["sedd", "perplexity", name, "--step", str(step), *measured],
        ["sedd", "report", name],
    ]
    return [shlex.join(line) for line in lines]
