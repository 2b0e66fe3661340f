"""The tokenizer and the weights in the folder of a published model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sedd.checkpoints.download import PATTERNS
from sedd.data.tokenizers import Tokenizer, load_tokenizer
from sedd.errors import CheckpointError, first_line
from sedd.runtime.provenance import file_sha256

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def folder_tokenizer(folder: Path, name: str) -> Tokenizer | None:
    """The tokenizer of a model's folder, named as the model; None without `tokenizer.json`."""
    if not (folder / "tokenizer.json").is_file():
        return None
    tokenizer = load_tokenizer(str(folder))
    tokenizer.name = name
    return tokenizer


def weights_file(folder: Path) -> Path:
    """The single weight file of a folder. Raises CheckpointError if it holds none."""
    path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise CheckpointError(f"{folder}: has config.json, but neither of {', '.join(WEIGHTS)}")
    return path


def weights_sha256(folder: Path) -> str:
    """SHA-256 of a model's weight file or, for several shards, of their names and hashes."""
    if folder.is_file():
        return file_sha256(folder)
    patterns = (*PATTERNS, "checkpoints-meta/checkpoint.pth")
    found = (path for pattern in patterns for path in folder.glob(pattern))
    files = sorted(path for path in found if path.is_file())  # no link that leads nowhere
    if not files:
        raise CheckpointError(f"{folder}: holds no weights, neither of {', '.join(patterns)}")
    if len(files) == 1:
        return file_sha256(files[0])
    listing = "".join(f"{path.name} {file_sha256(path)}\n" for path in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def read_tensors(path: Path) -> Any:
    """Content of a safetensors file, or of a torch file with tensors and plain values only.

    Raises CheckpointError for a file that holds anything else: nothing else is unpickled.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many kinds
        raise CheckpointError(
            f"{path}: cannot be read as weights ({type(error).__name__}: {first_line(error)})"
        ) from error
