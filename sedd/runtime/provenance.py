"""Provenance of results: code version, file hashes, and time of creation."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path


@functools.cache
def code_version() -> str:
    """Package version. In a git checkout also the last commit that changed the package, with
    `-dirty` if its files were edited since.

    Commits and edits elsewhere, such as of configuration or results, are no other code.
    """
    version = importlib.metadata.version("sedd")
    package = Path(__file__).resolve().parents[1]
    if not (package.parent / ".git").exists():
        return version

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words, "--", package.name],
            cwd=package.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    try:
        commit = git("log", "-1", "--format=%h", "--abbrev=12")
        dirty = "-dirty" if git("status", "--porcelain") else ""
    except (OSError, subprocess.CalledProcessError):
        return version
    return f"{version}+{commit}{dirty}"


NO_NUMBERS = ("bench", "launch", "report", "workflow")
"""folders of the package whose code shows or schedules numbers, and makes none"""


@functools.cache
def makes_the_same_numbers(version: str) -> bool:
    """Whether this version of the code and today's differ, by git, in none of the files that can
    change a number. False if git does not know one of them, or if files were edited since.
    """
    today = code_version()
    if version == today:
        return True
    package = Path(__file__).resolve().parents[1]
    commits = [one.partition("+")[2] for one in (version, today)]
    if not all(re.fullmatch("[0-9a-f]{7,40}", one) for one in commits):
        return False
    paths = [package.name, *(f":(exclude){package.name}/{folder}" for folder in NO_NUMBERS)]
    try:
        done = subprocess.run(
            ["git", "diff", "--quiet", *commits, "--", *paths],
            cwd=package.parent,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


@functools.cache
def code_sha256() -> str:
    """Hash of the package's source files; unlike `code_version`, it changes with every edit."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)} {file_sha256(path)}\n".encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def now() -> str:
    """Current UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
