"""The YAML files of a dataset of a user's own files, and of a tokenizer for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sedd.config.dataset import DatasetConfig
from sedd.config.tokenizer import TokenizerConfig
from sedd.errors import DataError
from sedd.runtime.atomic import write_text
from sedd.runtime.json_text import json_text

HELD_OUT = 10_000
"""Documents that are enough for a split."""
_HEAD = "# yaml-language-server: $schema=../schema/{kind}.json\n"


def splits_of(name: str, parts: Sequence[str], documents: int) -> dict[str, Any]:
    """The section `splits`: the parts by name, or a twentieth of the documents, and of a large text
    about HELD_OUT, in validation and test.

    Raises DataError for a single document, which cannot be divided.
    """
    if parts == ["all"]:
        if documents < 2:
            raise DataError(
                f"{name}: too few documents to divide into train and validation: {documents}; "
                "give more files, or choose a smaller unit with --document"
            )
        share = float(f"{min(0.05, HELD_OUT / documents):.0e}")
        return {"type": "hash", "validation": share, "test": share}
    splits = {split: split for split in ("train", "validation", "test") if split in parts}
    # a training is watched on validation; with one held-out part, it serves as both
    only = "test" if "validation" not in parts else "validation"
    return {"type": "named", **{"validation": only, "test": only}, **splits}


def write_dataset(path: Path, name: str, values: Mapping[str, Any]) -> None:
    """Write config/datasets/NAME.yaml: one line per key, and flow style within it."""
    DatasetConfig.model_validate({"name": name, **values})
    _write(path, "dataset", values)


def write_tokenizer(path: Path, name: str, values: Mapping[str, Any]) -> None:
    """Write config/tokenizers/NAME.yaml."""
    values = {"description": f"tokens of the dataset {name}", **values}
    TokenizerConfig.model_validate({"name": name, **values})
    _write(path, "tokenizer", values)


def _write(path: Path, kind: str, values: Mapping[str, Any]) -> None:
    lines = [f"{key}: {_flow(value)}\n" for key, value in values.items()]
    write_text(path, _HEAD.format(kind=kind) + "".join(lines))


def _flow(value: Any) -> str:
    """YAML in flow style: of keys that are plain words, and of JSON's values."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and value.replace("_", "").isalnum() and not value[0].isdigit():
        return (
            value
            if value not in ("null", "true", "false", "yes", "no", "on", "off")
            else f'"{value}"'
        )
    return json_text(value, ensure_ascii=False)
