"""Download what comes from the internet, and record it: later uses need no connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sedd.checkpoints.download import download_model
from sedd.config import load_dataset
from sedd.data.sources import fetch_source, source_sha256
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import CheckpointError
from sedd.paths import fetched_file
from sedd.runtime.atomic import write_json


def fetch_texts(dataset: str, split: str) -> Path:
    """Download the texts of a split, and return the record. Raises DataError."""
    config = load_dataset(dataset)
    fetch_source(config, split)
    return _record({"source_sha256": source_sha256(config, split)}, "texts", dataset, split)


def fetch_tokenizer(name: str) -> Path:
    """Download a tokenizer, and return the record. Raises DataError."""
    return _record({"sha256": load_tokenizer(name).sha256}, "tokenizer", name)


def fetch_model(name: str) -> Path:
    """Download a model of the hub, and return the record. Raises CheckpointError."""
    try:
        folder = download_model(name)
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error
    return _record({"commit": folder.name}, "model", name)


def _record(content: dict[str, Any], kind: str, *names: str) -> Path:
    path = fetched_file(kind, *names)
    write_json(path, {"kind": kind, "name": "/".join(names), **content})
    return path
