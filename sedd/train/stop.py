"""Stopping a run from outside: a signal is noted, and the loop stops between two steps."""

from __future__ import annotations

import signal
from types import FrameType

# Ctrl-C; a polite end; what a cluster sends some time before it takes the machine away
NOTED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


class Interrupted(Exception):
    """A signal asked the run to stop; its state is saved."""

    def __init__(self, number: int):
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}; the state is saved")


class StopRequest:
    """Notes signals while it is entered, and puts the handlers of before back at the end.

    A second SIGINT or SIGTERM ends the process at once.
    """

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> StopRequest:
        self._before = {number: signal.signal(number, self._note) for number in NOTED}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        if number != signal.SIGUSR2:
            signal.signal(number, signal.SIG_DFL)
