"""The settings of a run, each beside its default, and the commands that make the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sedd.config import (
    Experiment,
    ModelConfig,
    Subject,
    differences,
    sampling_steps,
    training_identity,
)
from sedd.config.load_experiment import experiment_from, preset_of, resolved_file
from sedd.errors import ConfigError
from sedd.paths import samples_file

TOLD_ELSEWHERE = {"name", "base", "overrides", "description"}


@dataclass(frozen=True)
class Setting:
    """One key.

    default: of the preset, in the model's section, or of the program; None if the experiment has to choose.
    differs: there is a default, and it is another.
    """

    key: str
    value: str
    default: str | None
    differs: bool
    meaning: str


def settings_of(experiment: Subject, preset: ModelConfig | None = None) -> list[Setting]:
    """Every setting, in the order of the file's sections; those of the model beside the preset's."""
    own = preset.model_dump() if preset else {}
    lines = _walk(experiment, "", {f"model.{key}": value for key, value in own.items()})
    return [line for line in lines if line.key not in TOLD_ELSEWHERE]


def preset(experiment: Experiment) -> tuple[str, ModelConfig] | None:
    """The model's preset and its name; None if there is none, or none that can be read any more."""
    try:
        return preset_of(experiment)
    except ConfigError:
        return None


def changed_since_training(experiment: Experiment) -> list[str]:
    """The keys that shape the weights and were edited after the run recorded its settings."""
    recorded = resolved_file(experiment.name)
    if not recorded.is_file():
        return []
    try:
        trained = experiment_from(recorded)
    except ConfigError:
        return [f"{recorded} was written by another version of this project"]
    assert isinstance(trained, Experiment), "only runs that were trained here record settings"
    return differences(training_identity(trained), training_identity(experiment))


def _walk(settings: BaseModel, prefix: str, presets: Mapping[str, Any]) -> Iterator[Setting]:
    for name, field in type(settings).model_fields.items():
        value, key = getattr(settings, name), f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _walk(value, f"{key}.", presets)
            continue
        has_default = key in presets or not field.is_required()
        default = presets.get(key, None if field.is_required() else field.get_default())
        yield Setting(
            key=key,
            value=spell(value),
            default=spell(default) if has_default else None,
            differs=has_default and value != default,
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


def asked_samples(experiment: Experiment, step: int) -> Path:
    """The file of the samples that the `sampling` section asks for."""
    sampling = experiment.sampling
    drawn = sampling.sampler, sampling_steps(experiment), sampling.precision
    return samples_file(experiment.name, step, *drawn)


def commands(experiment: Experiment, step: int) -> list[str]:
    """What makes the run and its page, one verb after the other, measuring checkpoint `step`."""
    name = experiment.name
    changed = [*experiment.overrides, "--name", name] if experiment.base else []
    made_from = [experiment.base or name, *experiment.overrides]
    samples = asked_samples(experiment, step)
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
