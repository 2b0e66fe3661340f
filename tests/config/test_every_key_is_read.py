"""Every configuration key is read by the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from sedd.config import ClusterConfig, DatasetConfig, Experiment, ProjectConfig, TableConfig
from sedd.registry import SAMPLERS

ROOT = Path(__file__).resolve().parents[2]
# files of sedd/config that compute something from keys
DERIVING = ("queries.py", "identity.py", "check.py", "cluster.py", "dataset.py")


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
    """Every `.attribute` that the package or a Snakemake rule reads.

    sedd/config itself does not count, except for the files in DERIVING.
    """
    attributes: set[str] = set()
    for path in (ROOT / "sedd").rglob("*.py"):
        if ROOT / "sedd/config" not in path.parents or path.name in DERIVING:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
            attributes |= {node.attr for node in nodes if isinstance(node.ctx, ast.Load)}
    for path in (ROOT / "workflow").rglob("*.smk"):
        attributes |= set(re.findall(r"\.([a-z_0-9]+)\b", path.read_text(encoding="utf-8")))
    return attributes


READ = attributes_read()
OPTIONS = {option for info in SAMPLERS.values() for option in info.options}
KEYS = sorted(
    {
        f"{model.__name__}: {key}"
        for model in (Experiment, DatasetConfig, ClusterConfig, ProjectConfig, TableConfig)
        for key in leaves(model)
    }
)


@pytest.mark.parametrize("key", KEYS)
def test_key_is_read_somewhere(key: str) -> None:
    _, _, path = key.partition(": ")
    parts = path.split(".")
    # options of samplers are keyword arguments of the functions that name them in the registry
    assert parts[-1] in READ or not OPTIONS.isdisjoint(parts)


def test_an_unread_key_would_be_noticed() -> None:
    assert "a_key_that_nothing_reads" not in READ
    assert "Experiment: training.ema_decay" in KEYS
