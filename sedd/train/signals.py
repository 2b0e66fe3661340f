"""Stop a run by a signal: the signal is noted, and the loop stops after the current step."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

# Ctrl-C; a request to terminate; the warning that Slurm or submitit sends before the time limit
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


class Interrupted(Exception):
    """A signal stopped the run after its state was saved."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}; the state is saved")


@dataclass
class StopRequest:
    """number: the last stop signal received; 0 if there was none."""

    number: int = 0


@contextlib.contextmanager
def note_stop_signals() -> Iterator[StopRequest]:
    """Note stop signals instead of terminating. A second SIGINT or SIGTERM terminates at once."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.number = number
        if number != signal.SIGUSR2:
            signal.signal(number, signal.SIG_DFL)

    previous = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
