"""Local paths of source files: from a Python package, from the project, or downloaded."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

from sedd.config.dataset import Download, FileSource, PackageSource, UrlSource
from sedd.data.network import NetworkError, patiently
from sedd.data.open_file import ENDINGS
from sedd.data.packages import check_sha256, package_file
from sedd.errors import DataError
from sedd.paths import RESULTS, can_exist
from sedd.runtime.atomic import no_follow, replacing
from sedd.runtime.json_text import object_or_empty
from sedd.runtime.provenance import file_sha256

DOWNLOADS = RESULTS / "data" / ".downloads"
TIMEOUT_SECONDS = 30.0
AWAY = "try again, or download the file yourself and use source.type: file"


def source_files(
    source: PackageSource | FileSource | UrlSource, part: str, endings: tuple[str, ...] = ()
) -> list[Path]:
    """Paths of the files for `part` of a source, in the order in which they are read.

    Downloads a file if necessary, and checks its sha256 if given. endings: of the names that are
    taken from a folder; they may be followed by that of a compression.

    Raises DataError if a file is missing, cannot be downloaded or has another hash.
    """
    if isinstance(source, PackageSource):
        return [package_file(source.package, source.version, source.path, source.sha256)]
    if isinstance(source, UrlSource):
        return [_downloaded(source.files[part])]
    names = source.files[part]
    names = [names] if isinstance(names, str) else names
    files = [path for name in names for path in local_files(name, endings)]
    if twice := [path for path, count in Counter(files).items() if count > 1]:
        raise DataError(f"source.files.{part}: names {twice[0]} twice; name each file once")
    return files


def local_files(name: str, endings: tuple[str, ...]) -> list[Path]:
    """The files that a path from the configuration names: a file, the files of a folder, or those
    that fit a pattern. A relative path must stay inside the project folder.

    Raises DataError if there is none.
    """
    check_inside(name)
    path = Path(name)
    if can_exist(path) and path.is_file():
        return [path]
    if can_exist(path) and path.is_dir():
        return _in_folder(path, endings)
    if can_exist(path) and set("*?[") & set(name):
        found = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        if files := sorted(one for one in found if one.is_file() and one.name[0] != "."):
            return files
    raise DataError(f"{path}: no such file in {Path.cwd()}; add the file or correct source.files")


def check_inside(name: str) -> None:
    """Raise DataError if a relative path leaves the project folder."""
    if not Path(name).is_absolute() and os.path.normpath(name).startswith(".."):
        raise DataError(
            f"source.files: {name} is outside the project folder; move the file inside, "
            "or give an absolute path"
        )


def _in_folder(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """The files of a folder with these endings; those of a dataset that `save_to_disk` wrote."""
    entries = sorted(one for one in folder.iterdir() if not one.name.startswith((".", "_")))
    state = folder / "state.json"
    if state.is_file() and isinstance(
        listed := object_or_empty(state.read_bytes()).get("_data_files"), list
    ):
        # beside them may lie what the library has cached
        names = {one.get("filename") for one in listed if isinstance(one, dict)}
        entries = [one for one in entries if one.name in names]
    compressed = tuple(f"{ending}{more}" for ending in endings for more in ("", *ENDINGS))
    if files := [one for one in entries if one.name.endswith(compressed) and one.is_file()]:
        return files
    shown = ", ".join(one.name for one in entries[:6]) + ", ..." * (len(entries) > 6)
    raise DataError(
        f"{folder}: has no file that ends in {', '.join(endings)}, or these with "
        f"{' or '.join(ENDINGS)}; it has: {shown or 'nothing'}; correct source.files or format.type"
    )


def _downloaded(download: Download) -> Path:
    url, basename = download.url, Path(urllib.parse.urlsplit(download.url).path).name
    path = DOWNLOADS / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{basename}"
    # download again if the cached copy has another hash than the configuration
    if not path.is_file() or (download.sha256 and file_sha256(path) != download.sha256):
        with replacing(path) as temporary:
            patiently(f"{url}: download failed", lambda: _fetch(url, temporary))
            if download.sha256:
                check_sha256(temporary, download.sha256, name=url)
    return path


def _fetch(url: str, path: Path) -> None:
    """Download a file. Raises NetworkError, OSError or HTTPException."""
    with (
        urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response,
        open(path, "wb", opener=no_follow) as file,
    ):
        shutil.copyfileobj(response, file, 1 << 20)
        expected_size = response.headers.get("Content-Length")
    # an interrupted connection looks like the end of the file
    if expected_size is not None and path.stat().st_size != int(expected_size):
        size = path.stat().st_size
        raise NetworkError(f"stopped after {size} of {expected_size} bytes", AWAY, "broken")
