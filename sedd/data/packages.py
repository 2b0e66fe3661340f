"""Files that an installed Python distribution carries. The distribution is never imported."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from sedd.errors import DataError
from sedd.runtime.provenance import file_sha256


def package_file(package: str, version: str, path: str, sha256: str) -> Path:
    """Where `path` of a distribution lies; version and hash are checked."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise DataError(
            f"package {package}: not installed, so {path} cannot be read; "
            "install it with: pip install 'sedd[quickstart]'"
        ) from error
    if distribution.version != version:
        raise DataError(
            f"package {package}: version {distribution.version} is installed, {version} is wanted; "
            f"install it with: pip install '{package}=={version}'"
        )
    located = Path(str(distribution.locate_file(path)))
    if not located.is_file():
        raise DataError(
            f"package {package} {distribution.version}: has no file {path}; install it again with: "
            f"pip install --force-reinstall '{package}=={distribution.version}'"
        )
    check_sha256(located, sha256)
    return located


def check_sha256(path: Path, expected: str, name: str | None = None) -> None:
    """DataError where the file, called `name` in the message, is not the one that was pinned."""
    found = file_sha256(path)
    if found != expected:
        raise DataError(
            f"{name or path}: sha256 is {found}, but {expected} is pinned: the file was changed or damaged; "
            "fetch it again, or pin the new hash if the change is meant"
        )
