"""Atomic file writes: written under a temporary name, synced to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sedd.errors import DataError
from sedd.runtime.json_text import json_text

WRITE_ERRORS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS),
        *(errno.EACCES, errno.EPERM, errno.EIO),
    }
)
"""Of a full disk, a quota, a limit on files, and of a folder or a device that cannot be written."""


def no_follow(path: str, flags: int) -> int:
    """Opener for `open` that refuses a link: one in a shared folder may lead to any file."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk, so that renames in it survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name `path` in an OSError that names no file, as that of a full disk does not."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or f"{path}"
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success, sync it and rename it to `path`.

    On an error the temporary file is removed and an existing file at `path` is unchanged. A killed
    process leaves its file; the next success on the same machine removes it. Raises
    DataError if a device, a pipe or a folder is in the place of the file.
    """
    _refuse_special(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # no other account can foresee the name, and the umask decides the mode
    temporary = path.with_name(f"{_prefix(path)}{os.getpid()}-{secrets.token_hex(8)}.tmp")
    with open(temporary, "xb", opener=no_follow) as held:
        mode = stat.S_IMODE(os.fstat(held.fileno()).st_mode)
        # held until the writer ends for any reason, so that others can tell; not on all disks
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            with naming(path):
                yield temporary
                with open(temporary, "rb+", opener=no_follow) as file:
                    # a library may have put a file of mode 0600 here; a hard link is another's file
                    if os.fstat(file.fileno()).st_nlink == 1:
                        os.fchmod(file.fileno(), mode)
                    os.fsync(file.fileno())
                temporary.replace(path)
                sync_folder(path.parent)
            remove_abandoned(path)
        finally:
            temporary.unlink(missing_ok=True)


def remove_abandoned(path: Path) -> None:
    """Remove the temporary files of `path` whose writers on this machine are gone."""
    start = _prefix(path)
    with os.scandir(path.parent) as entries:
        found = [one for one in entries if one.name.startswith(start)]
        names = [one.name for one in found if one.is_file(follow_symlinks=False)]
    for name in names:
        number = name.removeprefix(start).partition("-")[0]
        if name.endswith(".tmp") and number.isdecimal() and not _is_alive(int(number)):
            with (
                contextlib.suppress(OSError),
                open(path.parent / name, "rb", opener=no_follow) as file,
            ):
                # the process may be alive in another container with this machine's name
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (path.parent / name).unlink()


def _prefix(path: Path) -> str:
    """How the names of the temporary files of `path` begin that this machine writes."""
    machine = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
    return f".{path.name}.{machine}-"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # of another user; no number of a process
        pass
    return True


def check_replaceable(path: Path) -> None:
    """Raise DataError unless `path` is a regular file, or a new name, in a folder that takes files.

    For a file that the user names, before any work. A link is refused too: it would be lost.
    """
    try:
        if path.is_symlink():
            raise DataError(f"{path}: is a link and cannot be replaced; {NAME_ANOTHER}")
        _refuse_special(path)
        parent = next(parent for parent in path.absolute().parents if parent.exists())
        if not parent.is_dir():
            raise DataError(f"{path}: {parent} is not a folder; name a file in a folder")
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        writable = "choose a path in a folder that you can write to"
        raise DataError(f"{path}: cannot be written: {error.strerror}; {writable}") from error


NAME_ANOTHER = "choose a path that does not exist yet, or that of a regular file"


def _refuse_special(path: Path) -> None:
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise DataError(f"{path}: is {kind} and cannot be replaced; {NAME_ANOTHER}")


def write_text(path: Path, text: str) -> None:
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", opener=no_follow) as file,
    ):
        file.write(text)


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON. Raises DataError for NaN, which is not valid JSON."""
    write_text(path, json_text(content, indent=2, ensure_ascii=False) + "\n")
