"""JSON schemas of the configuration files, for editors (yaml-language-server)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sedd.config.base import ConfigModel
from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.experiment import Experiment
from sedd.config.pretrained import Pretrained
from sedd.config.project import ProjectConfig
from sedd.config.sections.model import ModelConfig
from sedd.config.sweep import SweepConfig
from sedd.config.table import TableConfig
from sedd.config.tokenizer import TokenizerConfig

SET_BY_LOADER = ("name", "overrides")
DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest that all YAML editors support
Schema = dict[str, Any]


@dataclass(frozen=True)
class FileKind:
    """Kind of configuration file. `models` has the default first, then one per deciding key."""

    name: str
    files: str
    models: tuple[type[ConfigModel], ...]


KINDS = (
    FileKind("experiment", "config/experiments/NAME.yaml", (Experiment, Pretrained)),
    FileKind("sweep", "config/sweeps/NAME.yaml", (SweepConfig,)),
    FileKind("model", "config/model/NAME.yaml", (ModelConfig,)),
    FileKind("dataset", "config/datasets/NAME.yaml", (DatasetConfig,)),
    FileKind("tokenizer", "config/tokenizers/NAME.yaml", (TokenizerConfig,)),
    FileKind("table", "config/tables/NAME.yaml", (TableConfig,)),
    FileKind("build", "config/NAME.yaml", (ProjectConfig,)),
    FileKind("cluster", "config/cluster/NAME.yaml", (ClusterConfig,)),
)


def file_schema(kind: FileKind) -> Schema:
    """JSON schema of one kind of file. An experiment with the key `pretrained` has its own model."""
    if len(kind.models) == 1:
        return {"$schema": DRAFT, **model_schema(kind.models[0])}
    trained, pretrained = (model_schema(model) for model in kind.models)
    shared = {**trained.pop("$defs"), **pretrained.pop("$defs")}
    _allow_presets(trained, shared)
    return {
        "$schema": DRAFT,
        "if": {"type": "object", "required": ["base"]},
        "then": _changes({**pretrained["properties"], **trained["properties"]}),
        "else": {
            "if": {"type": "object", "required": ["pretrained"]},
            "then": pretrained,
            "else": trained,
        },
        "$defs": shared,
    }


def model_schema(model: type[ConfigModel]) -> Schema:
    """JSON schema of one model, without the keys that the loader sets."""
    schema = _tidy(model.model_json_schema())
    for key in SET_BY_LOADER:
        schema["properties"].pop(key, None)
    schema["required"] = [key for key in schema.get("required", ()) if key not in SET_BY_LOADER]
    return schema


def _changes(keys: Schema) -> Schema:
    """An experiment with a `base`: any of these keys, with sections that need not be complete."""
    described = {key: {"description": field["description"]} for key, field in keys.items()}
    return {"type": "object", "properties": described, "additionalProperties": False}


def _allow_presets(experiment: Schema, shared: Schema) -> None:
    """Allow `model: tiny` and `model: {preset: tiny, dropout: 0.0}`."""
    preset = {"type": "string", "description": "file of config/model"}
    network = shared["ModelConfig"]
    shared["ChangedPreset"] = {
        **network,
        "properties": {"preset": preset, **network["properties"]},
        "required": ["preset"],
    }
    model = experiment["properties"]["model"]
    experiment["properties"]["model"] = {
        "description": model["description"],
        "anyOf": [
            preset,
            {"$ref": "#/$defs/ChangedPreset"},
            {"$ref": "#/$defs/ModelConfig"},
        ],
    }


def _tidy(value: Any) -> Any:
    """Drop generated titles, and join the lines of descriptions."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidy = {
        key: _tidy(item)
        for key, item in value.items()
        if not (key == "title" and isinstance(item, str))
    }
    if isinstance(description := tidy.get("description"), str):
        tidy["description"] = " ".join(description.split())
    return tidy
