"""The settings of a run, each with its default value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sedd.config import (
    Experiment,
    ModelConfig,
    Subject,
    differences,
    training_identity,
)
from sedd.config.definition import resolved_file
from sedd.config.load_experiment import experiment_from, preset_of
from sedd.errors import ConfigError

OMITTED = {"name", "base", "overrides", "description"}  # shown at the top of the page


@dataclass(frozen=True)
class Setting:
    """One key of the configuration, with values spelled as in YAML.

    default: for a key of the model the preset's value, otherwise the program's; None if the key is
        required.
    differs: there is a default and the value is another.
    """

    key: str
    value: str
    default: str | None
    differs: bool
    meaning: str


def settings_of(experiment: Subject, preset: ModelConfig | None = None) -> list[Setting]:
    """All settings, in the order of the sections in the YAML file.

    preset: default values of the model's settings.
    """
    defaults = preset.model_dump() if preset else {}
    settings = _walk(experiment, "", {f"model.{key}": value for key, value in defaults.items()})
    return [setting for setting in settings if setting.key not in OMITTED]


def preset(experiment: Experiment) -> tuple[str, ModelConfig] | None:
    """Name and content of the model's preset; None if there is none or it cannot be read."""
    try:
        return preset_of(experiment)
    except ConfigError:
        return None


def changed_since_training(experiment: Experiment) -> list[str]:
    """One line for each setting that shapes the weights and was edited after training began.

    Compares with the settings that the run recorded; empty if it recorded none.
    """
    path = resolved_file(experiment.name)
    if not path.is_file():
        return []
    try:
        recorded = experiment_from(path)
    except ConfigError:
        return [f"{path} was written by another version of this project"]
    assert isinstance(recorded, Experiment), "only runs that are trained here record settings"
    return differences(training_identity(recorded), training_identity(experiment))


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
    """A value as YAML spells it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return f"[{', '.join(map(spell, value))}]"
        case _:
            return str(value)
