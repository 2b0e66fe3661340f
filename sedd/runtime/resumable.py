"""Long work in batches, shared by processes and kept as it goes, so that killed work goes on where it was.

Each process appends a line a batch to a file of its own, in a folder whose name says what is worked on, with which settings. A
line that was cut short by the kill is left out, and its batch done again. Whoever works on a batch draws its own random
numbers for it: the result depends neither on the number of processes nor on a kill.
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
class Part:
    """Plain values that came of one batch, and the seconds that it took."""

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
) -> list[Part]:
    """work(number) of each of `count` batches, in their order; the same in every process.

    folder: where parts are kept until all are there; None: nowhere. identity: all that the values depend on.
    on_done: is told the number of each batch as it is done, here or before.
    """
    parts = None if folder is None else Parts(folder, identity, world.rank)
    done = world.broadcast(parts.start() if parts is not None and world.is_first else {})
    for number in done:
        on_done(number)
    mine = {}
    left = [number for number in range(count) if number not in done]
    for number in left[world.rank :: world.size]:
        start = time.perf_counter()
        mine[number] = Part(work(number), time.perf_counter() - start)
        if parts is not None:
            parts.add(number, mine[number])
        on_done(number)
    for others in world.all_gather(mine):
        done |= others
    return [done[number] for number in range(count)]


class Parts:
    """The finished batches of one piece of work.

    folder: of this work alone.     identity: all that its values depend on; parts of another one are removed.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], rank: int = 0):
        text = json.dumps(identity, sort_keys=True)
        self._top = folder
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        self._file = self.folder / f"{rank}.jsonl"

    def start(self) -> dict[int, Part]:
        """What is there already, by the batch's number. To be called by one process, before the others add to it."""
        if self._top.is_dir():
            for other in self._top.iterdir():
                if other != self.folder:
                    shutil.rmtree(other)
        self.folder.mkdir(parents=True, exist_ok=True)
        found = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            *lines, cut_short = path.read_text(encoding="utf-8").split("\n")
            if cut_short:
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            for line in lines:
                batch = json.loads(line)
                found[batch["batch"]] = Part(batch["values"], batch["seconds"])
        return found

    def add(self, batch: int, part: Part) -> None:
        line = json.dumps({"batch": batch, "values": part.values, "seconds": part.seconds})
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def parts_folder(result: Path) -> Path:
    """Where the parts of what will be the file `result` are kept."""
    return result.with_name(f".{result.stem}.parts")


def remove_parts(result: Path) -> None:
    """To be called once the result is written."""
    shutil.rmtree(parts_folder(result), ignore_errors=True)
