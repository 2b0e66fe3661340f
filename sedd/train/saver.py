"""Saving: checkpoints, which are published and kept, and a few states to resume from.

A checkpoint `step_N.pt` holds the weights and their moving average. A state `state_N.pt` also holds
the optimizer, is twice as large, and is removed when newer states exist. A background thread writes
both from a copy in host memory.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.checkpoints.content import check_weights, infinite_part
from sedd.errors import CheckpointError, TrainingError
from sedd.paths import checkpoint_file, kept_checkpoint_file, numbered_files, train_dir
from sedd.runtime.publish import hash_file, publish
from sedd.train.signals import Interrupted
from sedd.train.state import RESUME_KEYS
from sedd.train.train_folder import convert_write_errors

# called with the step, the seconds for which training was blocked, and the seconds of writing
Report = Callable[[int, float, float], None]


def state_file(folder: Path, step: int) -> Path:
    return folder / f"state_{step}.pt"


def state_steps(folder: Path) -> list[int]:
    """Steps of the states in a trainer's folder, in ascending order."""
    return list(numbered_files(folder, "state"))


def load_newest_state(folder: Path, identity: str, until: int) -> dict[str, Any] | None:
    """Load the newest intact state up to step `until`, or return None.

    Damaged states are reported and skipped.
    """
    for step in reversed([step for step in state_steps(folder) if step <= until]):
        path = state_file(folder, step)
        try:
            content = checkpoint.load(path)
            check_weights(content, path)
        except CheckpointError as error:
            print(f"{error}\nusing the previous state", file=sys.stderr)
            continue
        if content["identity"] == identity and content.keys() >= RESUME_KEYS:
            return content
        print(f"{path}: has other settings; skipped", file=sys.stderr)
    return None


class Saver:
    """Writes copies of the state in the background, one at a time. Requires the training lock.

    report: called in the training thread after each write. The next call raises a write error, as
    CheckpointError.
    """

    def __init__(self, run: str, keep_last: int, report: Report):
        self._run, self._folder, self._keep_last = run, train_dir(run), keep_last
        self._report = report
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._writing: Future[tuple[int, float, float]] | None = None
        for temporary in self._folder.glob(".*.tmp"):  # left by a killed writer
            temporary.unlink()

    def save(self, copy: Callable[[], dict[str, Any]], *, public: bool) -> None:
        """Save a state to resume from; public: also publish a checkpoint.

        copy: copies the state to host memory. It is called after the previous write has finished,
        so that host memory holds at most one copy.
        """
        start = time.perf_counter()
        self.wait()
        state = copy()
        blocked = time.perf_counter() - start
        self._writing = self._thread.submit(self._write, state, public, blocked)

    def check(self) -> None:
        """Report a finished write, or raise its error."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Wait for the current write to finish."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        with convert_write_errors(self._folder):
            self._report(*writing.result())

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Finish the current write on exit. An error of the training precedes a write error."""
        try:
            yield
        except Interrupted:
            self.wait()
            raise
        except BaseException:
            with contextlib.suppress(CheckpointError, TrainingError):
                self.wait()
            raise
        else:
            self.wait()
        finally:
            self._thread.shutdown()

    def _write(
        self, state: dict[str, Any], public: bool, blocked: float
    ) -> tuple[int, float, float]:
        start, step = time.perf_counter(), state["step"]
        if (part := infinite_part(state)) is not None:
            raise TrainingError(
                f"{self._run}: step {step}: {part} is not finite, so step {step} was not saved. Lower "
                "training.lr; the same command resumes from the newest state"
            )
        if public:
            kept = kept_checkpoint_file(self._run, step)
            checkpoint.save(checkpoint.without_resume_keys(state), kept)
            publish(kept, checkpoint_file(self._run, step))
        checkpoint.save(state, state_file(self._folder, step))
        self._remove_old_states(step)
        return step, blocked, time.perf_counter() - start

    def _remove_old_states(self, step: int) -> None:
        """Keep the newest states up to `step`; later ones are from an earlier, longer training."""
        for old in [one for one in state_steps(self._folder) if one <= step][: -self._keep_last]:
            path = state_file(self._folder, old)
            path.unlink()
            hash_file(path).unlink(missing_ok=True)
