"""Locks between processes, in a shared folder: one holder at a time.

A lock is `flock` on a file, which the kernel releases when its last holder dies. File systems
without flock (some mounts of Lustre and NFS) refuse it; there, the holder is whoever creates the
file PATH.held, which names it. That file is removed if its process certainly ended, on this
machine; otherwise the user decides, so that there are never two holders. All machines must mount
the folder alike.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from sedd.errors import LockError
from sedd.runtime.json_text import json_text

WITHOUT_FLOCK = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK})
POLL_SECONDS = 0.5
REMOVING_SECONDS = 60
OPENING_TRIES = 10
HOLDER_BYTES = 10_000  # more than a held file has
NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW

Wait = Callable[[str], None]


@dataclass(frozen=True)
class Holder:
    """The process that a held file names."""

    host: str
    machine: str
    """boot and process namespace, within which process ids are comparable; empty if unknown"""
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    started: str
    """start time of the process, in clock ticks since boot: process ids are reused"""
    since: str
    """UTC time"""

    @classmethod
    def this_process(cls) -> Holder:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        pid = os.getpid()
        return cls(socket.gethostname(), _machine(), pid, _start_time(pid), since)

    @property
    def has_ended(self) -> bool:
        """Whether the process certainly runs no more."""
        if not self.machine or self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # of another account
            return False
        return _start_time(self.pid) != self.started


@contextlib.contextmanager
def locked(path: Path, on_wait: Wait, *, keep: bool = True) -> Iterator[int | None]:
    """Hold the lock at `path`; wait while another process holds it.

    on_wait: called once with the holder, as text, if the lock is held. keep: whether the file stays
    when the lock is released. Yields the descriptor that
    carries the lock, for `pass_fds`; or None on a file system without flock: there, a child process
    that shall hold the lock as well calls `adopt`. Raises LockError if there can be no lock.
    """
    while True:
        descriptor = _open(path)
        try:
            has_flock = _flock(descriptor, path, on_wait)
            if has_flock and not _is_at(descriptor, path):  # removed by the holder before
                continue
            if has_flock:
                _write_name(descriptor)
            with contextlib.nullcontext() if has_flock else _held(held_file(path), on_wait):
                try:
                    yield descriptor if has_flock else None
                finally:
                    if not keep:
                        path.unlink(missing_ok=True)
            return
        finally:
            os.close(descriptor)


def holder(path: Path) -> str | None:
    """Process id of the holder of the lock at `path`, with its host if that is another one, or None
    if the lock is free.
    """
    if (other := _read(held_file(path))) is not None:
        here = other.host == socket.gethostname()
        name = str(other.pid) if here else f"{other.pid} on {other.host}"
        return None if other.has_ended else name
    with contextlib.suppress(OSError), open(path, opener=_reading, errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read(100).strip() or "?"
    return None


def adopt(path: Path) -> None:
    """Become the holder in place of the parent process, if a held file carries the lock."""
    held = held_file(path)
    if held.exists():
        own = held.with_name(f"{held.name}.{os.getpid()}")
        _create(own)
        own.replace(held)


def held_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.held")


def _open(path: Path) -> int:
    """Open a lock file for appending, without following a link."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    try:
        for _ in range(OPENING_TRIES):
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another process removed the folder
                return os.open(path, flags, 0o666)
        return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LockError(f"{path}: is a link, which is not followed; remove it") from None
        raise LockError(f"{path}: cannot be opened: {error.strerror}{_owner(path)}") from error


def _reading(path: str, flags: int) -> int:
    """Opener that follows no link and does not wait for the writer of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _owner(path: Path) -> str:
    """The account that owns a lock file or its folder, if it is another one."""
    with contextlib.suppress(OSError, KeyError):
        owner = (path if path.exists() else path.parent).stat().st_uid
        if owner != os.geteuid():
            name = pwd.getpwuid(owner).pw_name
            return f"; it belongs to {name}: let them share the folder, or use one of your own"
    return ""


def _flock(descriptor: int, path: Path, on_wait: Wait) -> bool:
    """Take the lock by flock; False if the file system has no flock."""
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait(f"process {os.pread(descriptor, 100, 0).decode(errors='replace') or '?'}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in WITHOUT_FLOCK:
            return False
        raise LockError(f"{path}: cannot be locked: {error.strerror}") from error
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _write_name(descriptor: int) -> None:
    """Write the name of the holder into the lock file; a full disk has no room for it."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())


@contextlib.contextmanager
def _held(held: Path, on_wait: Wait) -> Iterator[None]:
    _hold(held, on_wait)
    try:
        yield
    finally:
        held.unlink(missing_ok=True)


def _hold(held: Path, on_wait: Wait) -> None:
    """Create the held file; wait while it exists and its process may still run."""
    is_told = False
    while True:
        try:
            _create(held)
            return
        except FileExistsError:
            pass
        except OSError as error:
            raise LockError(f"{held}: cannot be created: {error.strerror}") from error
        other = _read(held)
        if other is not None and other.has_ended:
            _remove(held, other)
            continue
        if other is not None and not is_told:
            on_wait(
                f"process {other.pid} on {other.host} (since {other.since}; this file system has "
                f"no flock: if that process no longer runs, remove {held})"
            )
            is_told = True
        if other is None and _age(held) > REMOVING_SECONDS:
            raise LockError(f"{held}: names no process: it is damaged; remove it")
        time.sleep(POLL_SECONDS)


def _remove(held: Path, ended: Holder) -> None:
    """Remove the file of a process that has ended. One process at a time does so: another one could
    remove the file of a new holder.
    """
    removing = held.with_name(f"{held.name}.removing")
    try:
        os.close(os.open(removing, NEW_FILE, 0o666))
    except FileExistsError:
        time.sleep(POLL_SECONDS)
        if _age(removing) > REMOVING_SECONDS:
            raise LockError(f"{removing}: was left by a killed process; remove it") from None
        return
    try:
        if _read(held) == ended:
            held.unlink(missing_ok=True)
    finally:
        removing.unlink(missing_ok=True)


def _create(path: Path) -> None:
    """Create a file that names this process. Raises FileExistsError."""
    descriptor = os.open(path, NEW_FILE, 0o666)
    try:
        os.write(descriptor, json_text(asdict(Holder.this_process())).encode())
        os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _read(held: Path) -> Holder | None:
    """The process that a held file names; None if there is no file, it is damaged, or its holder is
    writing it.
    """
    with contextlib.suppress(OSError, ValueError), open(held, "rb", opener=_reading) as file:
        return TypeAdapter(Holder).validate_json(file.read(HOLDER_BYTES))
    return None


def _age(path: Path) -> float:
    """Seconds since a file was written; 0 if it does not exist."""
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime
    return 0.0


def _machine() -> str:
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = Path("/proc/self/ns/pid").readlink()
        return f"{boot} {namespace}"
    return ""


def _start_time(pid: int) -> str:
    """Start time of a process in clock ticks since boot; empty if it has ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""
