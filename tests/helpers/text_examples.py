"""Small datasets from local files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sedd.config.dataset import DatasetConfig

TEXTS = [
    f"Document {n}: the {n}th house has {n % 7} doors, and “{n * n}” is on one." for n in range(300)
]


def json_lines(folder: Path, texts: list[str], **settings: Any) -> DatasetConfig:
    """A dataset with `texts` in one .jsonl file. Keyword arguments replace its settings."""
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return local(path, {"type": "jsonl", "field": "text"}, **settings)


def local(path: Path, form: dict[str, Any], **settings: Any) -> DatasetConfig:
    """A dataset from one local file, with 20 % validation and 20 % test documents."""
    values: dict[str, Any] = {
        "name": "local",
        "description": "a test's own text",
        "licence": "MIT",
        "source": {"type": "file", "files": {"all": str(path)}},
        "format": form,
        "splits": {"type": "hash", "validation": 0.2, "test": 0.2},
    }
    return DatasetConfig.model_validate({**values, **settings})
