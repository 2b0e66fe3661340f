"""A key that nothing reads is a promise that nothing keeps."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sedd.config import ClusterConfig, DatasetConfig, Experiment, ProjectConfig, TableConfig

ROOT = Path(__file__).resolve().parents[2]
# checkpoint_steps, training_identity; device_problems; num_devices
DERIVING = ("experiment.py", "check.py", "cluster.py")


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = list(models(field.annotation))
        if not inner:
            yield f"{prefix}{name}"
        for other in inner:
            yield from leaves(other, f"{prefix}{name}.")


def attributes_read() -> set[str]:
    """Every `.attribute` that is read in a rule or in the package.

    Of the configuration itself only the models count that compute something from their keys.
    """
    found: set[str] = set()
    for path in (ROOT / "sedd").rglob("*.py"):
        if path.parent.name != "config" or path.name in DERIVING:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
            found |= {node.attr for node in nodes if isinstance(node.ctx, ast.Load)}
    for path in (ROOT / "workflow").rglob("*.smk"):
        found |= set(re.findall(r"\.([a-z_0-9]+)\b", path.read_text(encoding="utf-8")))
    return found


READ = attributes_read()
KEYS = sorted(
    {
        f"{model.__name__}: {key}"
        for model in (Experiment, DatasetConfig, ClusterConfig, ProjectConfig, TableConfig)
        for key in leaves(model)
    }
)


@pytest.mark.parametrize("key", KEYS)
def test_key_is_read_somewhere(key: str) -> None:
    assert key.split(".")[-1].split(": ")[-1] in READ


def test_a_key_that_is_read_nowhere_would_be_noticed() -> None:
    assert "a_key_that_nothing_reads" not in READ
    assert "Experiment: training.ema_decay" in KEYS
