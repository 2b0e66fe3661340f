"""The file behind a part of a source: in a package, in the project, or on the web."""

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
    """Where the file of `part` lies here, fetched if need be; a pinned hash is checked."""
    if isinstance(source, PackageSource):
        return package_file(source.package, source.version, source.path, source.sha256)
    if isinstance(source, UrlSource):
        return _downloaded(source.files[part])
    return _local(source.files[part])


def _local(name: str) -> Path:
    """A relative path stays inside the project, which can then be moved as a whole."""
    path = Path(name)
    if not path.is_absolute() and os.path.normpath(name).startswith(".."):
        raise DataError(
            f"source.files: {name} leaves the project's folder; put the text inside it or give an absolute path"
        )
    if not path.is_file():
        raise DataError(f"{path}: no such file (in {Path.cwd()}); put it there or correct the path")
    return path


def _downloaded(download: Download) -> Path:
    url, basename = download.url, Path(urllib.parse.urlsplit(download.url).path).name
    path = DOWNLOADS / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{basename}"
    # a copy that does not fit was fetched for another hash: the web is asked again
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
            promised = response.headers.get("Content-Length")
    except OSError as error:
        raise DataError(
            f"{url}: cannot be downloaded: {error}; check the connection and the address, "
            "or fetch the file by hand and use a source of type file"
        ) from error
    # a connection that breaks off looks like the end of the file
    if promised is not None and path.stat().st_size != int(promised):
        raise DataError(
            f"{url}: broke off after {path.stat().st_size} of {promised} bytes; try again"
        )
