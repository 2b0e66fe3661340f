"""Resumable work in batches, distributed over ranks.

Each rank appends one line per finished batch to its own file: a checksum and JSON. The folder name
contains a hash of everything that the values depend on, and a hash of the code. A line that a kill
left incomplete, or that was damaged since, is dropped and its batch is computed again. The work
function must seed its random numbers by batch number; the result then depends neither on the number
of ranks nor on interruptions.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.errors import DataError
from sedd.runtime.atomic import naming, no_follow, write_text
from sedd.runtime.distributed import World
from sedd.runtime.json_text import json_text
from sedd.runtime.lock import locked
from sedd.runtime.provenance import code_sha256

CHECKSUM = 9  # characters of a line's checksum and the space after it


@dataclass(frozen=True)
class FinishedBatch:
    """JSON values computed for one batch, and the computing time in seconds."""

    values: list[Any]
    seconds: float


def run_resumable(
    count: int,
    work: Callable[[int], list[Any]],
    *,
    folder: Path | None,
    identity: Mapping[str, Any],
    world: World,
    on_done: Callable[[int], None],
) -> list[FinishedBatch]:
    """Compute work(number) for number = 0, ..., count - 1; return all batches on every rank.

    folder: stores finished batches until the work is complete; None: not resumable.
    identity: everything that the values depend on.
    on_done: called with the number of each batch that this rank finishes or finds finished.
    """
    store = None if folder is None else BatchStore(folder, identity, world.rank)
    done = world.broadcast(store.open() if store is not None and world.is_first else {})
    for number in done:
        on_done(number)
    local = {}
    missing = [number for number in range(count) if number not in done]
    for number in missing[world.rank :: world.size]:
        start = time.perf_counter()
        local[number] = FinishedBatch(work(number), time.perf_counter() - start)
        if store is not None:
            store.add(number, local[number])
        on_done(number)
    for batches in world.all_gather(local):
        done |= batches
    return [done[number] for number in range(count)]


class BatchStore:
    """Finished batches of one computation.

    folder: used by this computation only. identity: everything that the values depend on; batches
    with another identity, or of another version of the code, are removed.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], rank: int = 0):
        text = json_text(identity, sort_keys=True)
        self._parent = folder
        self._settings = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder = folder / f"{self._settings}-{code_sha256()[:16]}"
        self._file = self.folder / f"{rank}.jsonl"

    def open(self) -> dict[int, FinishedBatch]:
        """Read finished batches, by number. Called by one rank, before any rank adds a batch.

        Raises DataError if a link stands where the folder should be.
        """
        _refuse_link(self._parent)
        for other in self._parent.iterdir() if self._parent.is_dir() else ():
            if other != self.folder:
                self._remove(other)
        self.folder.mkdir(parents=True, exist_ok=True)
        batches = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            lines = path.read_bytes().splitlines(keepends=True)
            intact = [line for line in lines if _is_intact(line)]
            if intact != lines:
                write_text(path, b"".join(intact).decode())
            for line in intact:
                content = json.loads(line[CHECKSUM:-1])
                batches[content["batch"]] = FinishedBatch(content["values"], content["seconds"])
        return batches

    def add(self, number: int, batch: FinishedBatch) -> None:
        text = json_text({"batch": number, "values": batch.values, "seconds": batch.seconds})
        line = f"{_checksum(text.encode())} {text}"
        with naming(self._file), open(self._file, "a", encoding="utf-8", opener=no_follow) as file:
            file.write(f"{line}\n")

    def _remove(self, other: Path) -> None:
        """Remove batches that must not be mixed with those of this computation."""
        is_code = other.name.startswith(self._settings)
        what = "another version of the code" if is_code else "other settings or inputs"
        print(f"{self._parent}: dropping finished batches of {what}", file=sys.stderr)
        if other.is_dir() and not other.is_symlink():
            shutil.rmtree(other)
        else:
            other.unlink()


def partial_folder(result: Path) -> Path:
    """Folder for the finished batches of the future file `result`."""
    return result.with_name(f".{result.stem}.parts")


@contextlib.contextmanager
def only_writer(result: Path, world: World) -> Iterator[None]:
    """Work on the file `result` and its finished batches alone; wait for another process to finish.

    Write the result inside. The finished batches are removed at the end, but kept on an error.
    """
    if not world.is_first:
        yield
        return

    def wait(holder: str) -> None:
        print(f"{result}: {holder} is working on it; waiting", file=sys.stderr, flush=True)

    with locked(result.with_name(f".{result.stem}.lock"), wait, keep=False):
        yield
        shutil.rmtree(partial_folder(result), ignore_errors=True)


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise DataError(f"{folder}: is a link; finished batches are kept in a folder: remove it")


def _checksum(text: bytes) -> str:
    return f"{zlib.crc32(text):08x}"


def _is_intact(line: bytes) -> bool:
    """Whether a line is whole and as it was written."""
    return line[:CHECKSUM].decode(errors="replace") == f"{_checksum(line[CHECKSUM:-1])} "
