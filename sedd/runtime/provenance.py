"""Provenance of results: code version, file hashes, and time of creation."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import subprocess
from datetime import UTC, datetime
from pathlib import Path


@functools.cache
def code_version() -> str:
    """Package version. In a git checkout also the commit, with `-dirty` if files were edited."""
    version = importlib.metadata.version("sedd")
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return version
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--match="],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}+{result.stdout.strip()}"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """Current UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
