"""Presets of the network: `model: tiny`, or `model: {preset: tiny, dropout: 0.0}`."""

from __future__ import annotations

import difflib
from typing import Any

from sedd.config.choices import one_of
from sedd.config.file_names import check_exists, stems
from sedd.config.sections.model import ModelConfig
from sedd.config.values import NAME, NAME_ALLOWED
from sedd.config.yaml.describe import spell
from sedd.config.yaml.source import KeyPath, Source
from sedd.config.yaml.validate import load_yaml_model
from sedd.errors import ConfigError
from sedd.paths import CONFIG, model_file


def fill_preset(source: Source) -> None:
    """Fill the keys of the preset into the `model` section; the section's own keys win."""
    model = source.values.get("model")
    if isinstance(model, str):
        where, preset, own = ("model",), model, {}
    elif isinstance(model, dict) and "preset" in model:
        where, preset = ("model", "preset"), model["preset"]
        own = {key: value for key, value in model.items() if key != "preset"}
    else:
        _reject_misspelt_preset(source, model)
        return
    values = _preset_values(source, where, preset)
    # the keys of an unreadable preset are unknown, not missing
    source.wrong |= {
        ("model", key) for key in ModelConfig.model_fields if key not in {*own, *values}
    }
    source.values["model"] = {**values, **own}


def _preset_values(source: Source, where: KeyPath, preset: Any) -> dict[str, Any]:
    """Keys of a preset; empty, with a problem reported, if the preset cannot be read."""
    if not isinstance(preset, str):
        allowed = one_of(stems(CONFIG / "model"))
        source.report(where, f"must be {allowed}, got {spell(preset)}")
        return {}
    if not NAME.fullmatch(preset):
        source.report(where, f"must be {NAME_ALLOWED}, got {preset!r}")
        return {}
    if not model_file(preset).is_file():
        check_exists(source, where, preset, model_file)
        return {}
    try:
        return load_yaml_model(model_file(preset), ModelConfig).model_dump()
    except ConfigError as error:
        for problem in error.problems:
            source.report(where, f"preset {error.source}: {problem}")
        return {}


def _reject_misspelt_preset(source: Source, model: Any) -> None:
    """Report a misspelt `preset` instead of all the keys that the preset would have set."""
    others = set(model if isinstance(model, dict) else ()) - set(ModelConfig.model_fields)
    for key in difflib.get_close_matches("preset", others, n=1):
        source.reject(("model", key), "unknown key; did you mean 'preset'?")
        source.wrong |= {("model", key) for key in ModelConfig.model_fields if key not in model}
