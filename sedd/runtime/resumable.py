"""Resumable work in batches, distributed over ranks.

Each rank appends one JSON line per finished batch to its own file. The folder name contains a hash
of everything that the values depend on. After a kill, an incomplete last line is dropped and its
batch is computed again. The work function must seed its random numbers by batch number; the result
then depends neither on the number of ranks nor on interruptions.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.runtime.distributed import World


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
    with another identity are removed.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], rank: int = 0):
        text = json.dumps(identity, sort_keys=True)
        self._parent = folder
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        self._file = self.folder / f"{rank}.jsonl"

    def open(self) -> dict[int, FinishedBatch]:
        """Read finished batches, by number. Called by one rank, before any rank adds a batch."""
        if self._parent.is_dir():
            for other in self._parent.iterdir():
                if other != self.folder:
                    shutil.rmtree(other)
        self.folder.mkdir(parents=True, exist_ok=True)
        batches = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            *lines, incomplete = path.read_text(encoding="utf-8").split("\n")
            if incomplete:
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            for line in lines:
                content = json.loads(line)
                batches[content["batch"]] = FinishedBatch(content["values"], content["seconds"])
        return batches

    def add(self, number: int, batch: FinishedBatch) -> None:
        line = json.dumps({"batch": number, "values": batch.values, "seconds": batch.seconds})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def partial_folder(result: Path) -> Path:
    """Folder for the finished batches of the future file `result`."""
    return result.with_name(f".{result.stem}.parts")


def remove_partial(result: Path) -> None:
    """Remove the finished batches; call after `result` is written."""
    shutil.rmtree(partial_folder(result), ignore_errors=True)
