"""The folder of an export: complete or absent, and never written over other files."""

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
OPTIONAL = frozenset({"tokenizer.json"})
MARK = "Written by `sedd export`"


def check_free(folder: Path, force: bool) -> None:
    """Raise CheckpointError unless `folder` is absent, empty or, with `force`, an earlier export."""
    if folder.absolute().parent == run_dir("x").absolute().parent:
        raise CheckpointError(
            f"{folder}: {run_dir('x').parent} is the folder of runs, and an export in it would be taken "
            "for a run; choose another folder"
        )
    if folder.is_dir():
        names = sorted(path.name for path in folder.iterdir())
    elif folder.exists() or folder.is_symlink():
        raise CheckpointError(f"{folder}: is a file; name a new or empty folder")
    else:
        return
    if not names:
        return
    if not is_export(folder):
        raise CheckpointError(
            f"{folder}: is not empty and not an earlier export; found {', '.join(names[:6])}; "
            "name a new or empty folder"
        )
    if not force:
        raise CheckpointError(f"{folder}: holds an earlier export; to replace it, add --force")


def is_export(folder: Path) -> bool:
    """Whether a folder holds the files that an export writes, and no other."""
    if {path.name for path in folder.iterdir()} - OPTIONAL != FILES:
        return False
    return MARK in (folder / "README.md").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `folder` on success, and only then.

    The caller syncs the files that it writes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        new.mkdir()
        yield new
        sync_folder(new)
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
