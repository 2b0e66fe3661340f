"""Progress of long work: a bar on a terminal, a plain line every few seconds in a log file."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol

from tqdm import tqdm

from sedd.runtime.printable import printable, unfiltered

SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """Receives the progress of a long loop."""

    def update(self, n: float = 1) -> None:
        """Count `n` more units as done."""
        ...

    def note(self, **values: str) -> None:
        """Set values to display beside the rate, e.g. loss='5.31'."""
        ...


class _Bar:
    def __init__(self, bar: tqdm):
        self._bar = bar

    def update(self, n: float = 1) -> None:
        self._bar.update(n)

    def note(self, **values: str) -> None:
        self._bar.set_postfix(
            {key: printable(value) for key, value in values.items()}, refresh=False
        )


class _Lines:
    """Prints a line at the start, every few seconds, and at the end."""

    def __init__(self, description: str, total: float | None, unit: str, initial: float):
        self._description, self._total, self._unit = description, total, unit
        self._initial = self._done = initial
        self._start = self._last = time.monotonic()
        self._notes: dict[str, str] = {}

    def update(self, n: float = 1) -> None:
        self._done += n
        if time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self.print()

    def note(self, **values: str) -> None:
        self._notes.update(values)

    def print(self) -> None:
        self._last = time.monotonic()
        seconds = max(self._last - self._start, 1e-9)
        line = tqdm.format_meter(
            n=self._done,
            total=self._total,  # pyright: ignore[reportArgumentType]  # None: unknown
            elapsed=seconds,
            unit=f" {self._unit}",
            prefix=self._description,
            initial=self._initial,
            ncols=0,
            postfix=", ".join(f"{key}={value}" for key, value in self._notes.items()),
        )
        print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress(
    description: str, total: float | None, unit: str, initial: float = 0
) -> Iterator[Progress]:
    """Show the rate and remaining time on stderr.

    total: units of work; None: unknown. initial: units done before; they do not count in the rate.
    """
    if sys.stderr.isatty():
        with tqdm(
            desc=printable(description),
            file=unfiltered(sys.stderr),
            total=total,
            unit=f" {unit}",
            initial=int(initial),
            dynamic_ncols=True,
            smoothing=0.05,
        ) as bar:
            yield _Bar(bar)
        return
    lines = _Lines(description, total, unit, initial)
    lines.print()
    try:
        yield lines
    finally:
        lines.print()
