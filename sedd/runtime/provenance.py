"""Where a number comes from: code version, file hashes, and the time it was made."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import subprocess
from datetime import UTC, datetime
from pathlib import Path


@functools.cache
def code_version() -> str:
    """Package version and, in a git checkout of this package, the commit and whether it was edited."""
    version = importlib.metadata.version("sedd")
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return version
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--match="],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}+{described.stdout.strip()}"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """UTC, to the second, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
