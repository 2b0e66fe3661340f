"""Validate the values of a YAML file; every problem is reported with its key and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from sedd.config.base import ConfigModel, broken_rules
from sedd.config.official_keys import answers
from sedd.config.yaml.describe import describe
from sedd.config.yaml.fields import locate, value_at
from sedd.config.yaml.overrides import apply_overrides
from sedd.config.yaml.source import Source, dotted, read_source

M = TypeVar("M", bound=ConfigModel)


def load_yaml_model(path: Path, model: type[M], overrides: Sequence[str] = ()) -> M:
    """Read a YAML file as `model`, changed by key=value overrides.

    The field `name`, if the model has one, is set to the file's stem.
    Raises ConfigError with all problems of the file and of the overrides.
    """
    source = read_source(path)
    apply_overrides(source, overrides)
    if "name" in model.model_fields:
        set_name(source, path.stem)
    return require(validate(model, source), source)


def validate(model: type[M], source: Source) -> M | None:
    """The model of a source's values, or None; problems are reported to the source."""
    try:
        config = model.model_validate(source.values)
    except ValidationError as error:
        _report_values(model, source, error)
        _report_rules(model, source)
        return None
    return None if source.problems else config


def require(config: M | None, source: Source) -> M:
    """The validated model. Raises ConfigError with all problems of the source, if there are any."""
    source.raise_problems()
    assert config is not None, "a source without problems gives a model"
    return config


def set_name(source: Source, name: str) -> None:
    """Set `name`, which is the file's stem and must not be a key of the file."""
    if "name" in source.values:
        source.report(("name",), "unknown key; the name is the file's own: rename the file instead")
    source.values["name"] = name


def _report_values(model: type[ConfigModel], source: Source, error: ValidationError) -> None:
    known = set(source.wrong)
    for details in error.errors(include_url=False):
        path, owner, annotation = locate(model, details["loc"], source.values)
        if details["type"] == "rules" or any(path[: len(bad)] == bad for bad in known):
            continue
        if details["type"] == "extra_forbidden":
            answered = list(answers(model.foreign_keys, dotted(path), details["input"]))
            for key, text in answered:
                source.reject(tuple(key.split(".")), text)
            if answered:
                continue
        if details["type"].startswith("union_tag"):
            path = (*path, details.get("ctx", {})["discriminator"].strip("'"))
        source.reject(path, describe(details, owner, annotation))


def _report_rules(model: type[ConfigModel], source: Source) -> None:
    def value(key: str) -> Any:
        if not source.is_sound(tuple(key.split("."))):
            raise KeyError(key)
        return value_at(model, key, source.values)

    for reads, text in broken_rules(model.rules, value):
        first, *others = (tuple(key.split(".")) for key in reads)
        source.report(first, text, *others)
