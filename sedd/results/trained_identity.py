"""What a trainer's folder was trained with, as its `identity.json` records it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sedd.results.record import Record, parse


class TrainedIdentity(Record):
    """settings: what determines the weights, the hash of the tokens among it. identity: its hash.
    tokenizer_sha256: of the vocabulary; None: not recorded.
    """

    identity: str
    settings: dict[str, Any]
    tokenizer_sha256: str | None = None


def read_identity(file: Path) -> TrainedIdentity | None:
    """The content of an `identity.json`; None if there is no file. Raises DataError."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    remedy = f"restore it, or move {file.parent} away: the run then trains from the beginning"
    return parse(TrainedIdentity, content, f"{file}", remedy)
