"""What a run writes while it trains: checkpoints for all, and a few states to resume from.

A checkpoint, `step_N.pt`, has the weights and their average, and stays. A state, `state_N.pt`, has the optimiser as well, is
twice as large, and goes when newer ones are there. Both are written by a thread of their own from a copy in host memory.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.errors import CheckpointError
from sedd.paths import checkpoint_file
from sedd.runtime.publish import hash_file, publish
from sedd.train.disk import refusals_told
from sedd.train.state import RESUMING
from sedd.train.stop import Interrupted

# called with the step, the seconds that training stood still, and the seconds of writing
Report = Callable[[int, float, float], None]


def kept_checkpoint(folder: Path, step: int) -> Path:
    return folder / f"step_{step}.pt"


def state_file(folder: Path, step: int) -> Path:
    return folder / f"state_{step}.pt"


def state_steps(folder: Path) -> list[int]:
    """Steps of the states in a trainer's folder, in order."""
    return sorted(int(path.stem.removeprefix("state_")) for path in folder.glob("state_*.pt"))


def newest_state(folder: Path, identity: str, until: int) -> dict[str, Any] | None:
    """The state of the latest step up to `until`, or None. A damaged one is named, and the one before is taken."""
    for step in reversed([step for step in state_steps(folder) if step <= until]):
        path = state_file(folder, step)
        try:
            content = checkpoint.load(path)
        except CheckpointError as error:
            print(f"{error}\nthe state before it is taken", file=sys.stderr)
            continue
        if content["identity"] == identity and content.keys() >= RESUMING:
            return content
        print(f"{path}: of other settings; not taken", file=sys.stderr)
    return None


class Saver:
    """Writes copies of the state, one after the other, while the training goes on.

    report: called by the training's own thread, after each writing. An error of the writing is raised by the next call, as a
    CheckpointError.
    """

    def __init__(self, folder: Path, experiment: str, keep_last: int, report: Report):
        self._folder, self._experiment, self._keep_last = folder, experiment, keep_last
        self._report = report
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._writing: Future[tuple[int, float, float]] | None = None
        for left in folder.glob(".*.tmp"):  # by a writer that was killed; the run's lock is held
            left.unlink()

    def hand_over(self, copy: Callable[[], dict[str, Any]], *, public: bool) -> None:
        """Write a state to resume from; public: a checkpoint as well, which is published.

        copy: makes the copy in host memory. Waits for the writing before: at most one copy is in memory.
        """
        start = time.perf_counter()
        self.wait()
        state = copy()
        stood_still = time.perf_counter() - start
        self._writing = self._thread.submit(self._write, state, public, stood_still)

    def check(self) -> None:
        """Raise the error of a writing that has ended."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Wait until everything is on the disk."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        with refusals_told(self._folder):
            self._report(*writing.result())

    def _write(
        self, state: dict[str, Any], public: bool, stood_still: float
    ) -> tuple[int, float, float]:
        start, step = time.perf_counter(), state["step"]
        if public:
            kept = kept_checkpoint(self._folder, step)
            checkpoint.save({key: state[key] for key in checkpoint.KEYS}, kept)
            publish(kept, checkpoint_file(self._experiment, step))
        checkpoint.save(state, state_file(self._folder, step))
        self._drop_old_states(step)
        return step, stood_still, time.perf_counter() - start

    def _drop_old_states(self, step: int) -> None:
        """Keep the newest ones up to `step`; those of later steps are of an earlier, longer training."""
        for old in [one for one in state_steps(self._folder) if one <= step][: -self._keep_last]:
            path = state_file(self._folder, old)
            path.unlink()
            hash_file(path).unlink(missing_ok=True)

    def __enter__(self) -> Saver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish writing. After a failure of the training, that failure is what is told."""
        try:
            self.wait()
        except CheckpointError:
            if error is None or isinstance(error, Interrupted):
                raise
        finally:
            self._thread.shutdown()
