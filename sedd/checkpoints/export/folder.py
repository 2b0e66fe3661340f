"""A folder that is either whole or absent, and that replaces nothing but its own kind."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sedd.errors import CheckpointError
from sedd.paths import run_dir
from sedd.runtime.atomic import sync_folder

FILES = frozenset({"config.json", "model.safetensors", "README.md"})
MARK = "Written by `sedd export`"


def check_free(folder: Path, force: bool) -> None:
    """Raise CheckpointError unless `folder` is absent, empty or, with `force`, an earlier export."""
    if folder.absolute().parent == run_dir("x").absolute().parent:
        raise CheckpointError(
            f"{folder}: {run_dir('x').parent} holds runs, and this would be taken for one; name another folder"
        )
    if folder.is_dir():
        found = sorted(path.name for path in folder.iterdir())
    elif folder.exists() or folder.is_symlink():
        raise CheckpointError(f"{folder}: is a file; name a folder")
    else:
        return
    if not found:
        return
    if not is_export(folder):
        raise CheckpointError(
            f"{folder}: is not empty and not an earlier export; found {', '.join(found[:6])}; "
            "name a folder that is new or empty"
        )
    if not force:
        raise CheckpointError(f"{folder}: holds an earlier export; to replace it, add --force")


def is_export(folder: Path) -> bool:
    """Whether a folder holds the three files that an export writes, and no other."""
    if {path.name for path in folder.iterdir()} != FILES:
        return False
    return MARK in (folder / "README.md").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on success it takes the name, and what stood there is removed.

    On an error what stood there is untouched. Files written into it must be synced by who writes them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        made, old = Path(beside, "made"), Path(beside, "old")
        made.mkdir()
        yield made
        sync_folder(made)
        if folder.exists():
            folder.rename(old)
        try:
            made.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
