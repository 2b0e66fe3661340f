"""A running build on one screen: what runs now with a bar each, and the time left."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import IO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sedd.runtime.printable import printable, unfiltered
from sedd.workflow.follow import Followed

SECONDS_BETWEEN_LINES = 30.0  # without a terminal
BAR_WIDTH = 30


def show(lines: Iterable[str], log: IO[str], cores: int | None = None) -> Followed:
    """Copy Snakemake's lines to `log`, and show what they mean until they end.

    On a terminal a screen that is drawn anew twice a second; otherwise a line now and then.
    """
    followed, cores = Followed(), cores or os.cpu_count() or 1
    console = Console(file=unfiltered(sys.stderr), highlight=False)
    reader = threading.Thread(target=_read, args=(lines, log, followed))
    start = time.monotonic()
    reader.start()
    if console.is_terminal:
        with Live(console=console, transient=True, auto_refresh=False) as live:
            while reader.is_alive():
                live.update(_screen(followed, cores, start), refresh=True)
                reader.join(0.5)
    else:
        while reader.is_alive():
            console.print(summary(followed, cores, start), markup=False)
            reader.join(SECONDS_BETWEEN_LINES)
    console.print(summary(followed, cores, start), markup=False)
    return followed


def _read(lines: Iterable[str], log: IO[str], followed: Followed) -> None:
    for line in lines:
        log.write(line)
        log.flush()
        followed.read(line.rstrip("\n"))


def summary(followed: Followed, cores: int, start: float) -> str:
    """`12 of 103 jobs done in 1:20, about 5:30 left`."""
    since = _clock(time.monotonic() - start)
    if followed.is_idle:
        return "everything is built: nothing to do"
    if not followed.total:
        return f"reading the configuration, {since}"
    text = f"{followed.done} of {followed.total} jobs done in {since}"
    left = followed.seconds_left(cores)
    if left is None or followed.done == followed.total:
        return text
    return f"{text}, about {_clock(left)} left"


def _screen(followed: Followed, cores: int, start: float) -> Group:
    table = Table.grid(padding=(0, 2, 0, 0))
    for job in list(followed.running.values()):
        part, left = job.progress()
        bar = ProgressBar(total=1.0, completed=part or 0.0, width=BAR_WIDTH, pulse=part is None)
        said = "" if part is None else f"{part:4.0%}"
        table.add_row(
            Text(printable(job.label), overflow="ellipsis", no_wrap=True),
            bar,
            said,
            "" if left is None else f"{_clock(left)} left",
        )
    total = ProgressBar(total=max(followed.total, 1), completed=followed.done, width=BAR_WIDTH)
    return Group(Text(summary(followed, cores, start)), total, table)


def _clock(seconds: float) -> str:
    """1:05 or 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
