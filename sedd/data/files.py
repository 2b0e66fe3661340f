"""Local path of a source file: from a Python package, from the project, or downloaded."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

from sedd.config.dataset import Download, FileSource, PackageSource, UrlSource
from sedd.data.packages import check_sha256, package_file
from sedd.errors import DataError
from sedd.paths import RESULTS
from sedd.runtime.atomic import replacing
from sedd.runtime.provenance import file_sha256

DOWNLOADS = RESULTS / "data" / ".downloads"
TIMEOUT_SECONDS = 30.0


def source_file(source: PackageSource | FileSource | UrlSource, part: str) -> Path:
    """Path of the file for `part` of a source.

    Downloads it if necessary, and checks its sha256 if given.

    Raises DataError if the file is missing, cannot be downloaded or has another hash.
    """
    if isinstance(source, PackageSource):
        return package_file(source.package, source.version, source.path, source.sha256)
    if isinstance(source, UrlSource):
        return _downloaded(source.files[part])
    return _local(source.files[part])


def _local(name: str) -> Path:
    """Check a path from the configuration. Relative paths must stay inside the project folder."""
    path = Path(name)
    if not path.is_absolute() and os.path.normpath(name).startswith(".."):
        raise DataError(
            f"source.files: {name} is outside the project folder; move the file inside, "
            "or give an absolute path"
        )
    if not path.is_file():
        raise DataError(
            f"{path}: no such file in {Path.cwd()}; add the file or correct source.files"
        )
    return path


def _downloaded(download: Download) -> Path:
    url, basename = download.url, Path(urllib.parse.urlsplit(download.url).path).name
    path = DOWNLOADS / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{basename}"
    # download again if the cached copy has another hash than the configuration
    if not path.is_file() or (download.sha256 and file_sha256(path) != download.sha256):
        with replacing(path) as temporary:
            _fetch(url, temporary)
            if download.sha256:
                check_sha256(temporary, download.sha256, name=url)
    return path


def _fetch(url: str, path: Path) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response,
            path.open("wb") as file,
        ):
            shutil.copyfileobj(response, file, 1 << 20)
            expected_size = response.headers.get("Content-Length")
    except OSError as error:
        raise DataError(
            f"{url}: download failed: {error}; check the connection and the address, "
            "or download the file yourself and use source.type: file"
        ) from error
    # an interrupted connection looks like the end of the file
    if expected_size is not None and path.stat().st_size != int(expected_size):
        raise DataError(
            f"{url}: download stopped after {path.stat().st_size} of {expected_size} bytes; "
            "try again"
        )
