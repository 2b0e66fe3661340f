"""Follow a running Snakemake by what it prints: which jobs run, which are done, which failed."""

from __future__ import annotations

import contextlib
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

# what Snakemake prints: a rule with its properties below it, and one line for each event
RULE = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):$")
PROPERTY = re.compile(r"    (log|jobid|wildcards): (.*?)(?: \(check log file\(s\).*)?$")
FINISHED = re.compile(r"Finished job(?:id: )?(\d+)")
PROGRESS = re.compile(r"(\d+) of (\d+) steps")
FAILED = re.compile(r"Error in rule (\w+)")
NOTHING = "Nothing to be done"
# what `sedd.runtime.progress` prints: train x:  50%|####  | 30/60 [00:05<00:05, ...
BAR = re.compile(r"(\d+)%\|[^|]*\|[^\[\n]*\[[\d:]+<([\d:?]+)")
TAIL_BYTES = 4096
GUESSED_SECONDS = 5.0  # of a job, before any has ended


@dataclass
class RunningJob:
    """A job between its start and its end."""

    rule: str
    log: Path | None = None
    wildcards: dict[str, str] = field(default_factory=dict)
    start: float = field(default_factory=time.monotonic)

    @property
    def label(self) -> str:
        return " ".join([self.rule, *self.wildcards.values()])

    def progress(self) -> tuple[float | None, float | None]:
        """The part that is done, in [0, 1], and the seconds left, by the job's log; None: unknown."""
        if self.log is None:
            return None, None
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                found = BAR.findall(file.read().decode("utf-8", "replace"))
        except OSError:
            return None, None
        if not found:
            return None, None
        percent, left = found[-1]
        return int(percent) / 100, _seconds(left)


class Followed:
    """The state of a build, from the lines that Snakemake has printed so far."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self.running: dict[str, RunningJob] = {}
        self.failed: list[RunningJob] = []
        self.is_idle = False  # there was nothing to do
        self._planned: dict[str, int] = {}
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._table = False
        self._job: RunningJob | None = None

    def read(self, line: str) -> None:
        """Take one line into account, without its newline."""
        if self._table and (row := line.split()) and len(row) == 2 and row[1].isdecimal():
            self._planned[row[0]] = int(row[1])
            self.total = self._planned.get("total", self.total)
            return
        if line.split() == ["job", "count"]:
            self._table = True
        elif line.startswith(NOTHING):
            self.is_idle = True
        elif not line.strip("- "):
            self._table = self._table and bool(line)
        elif match := RULE.match(line):
            self._job = RunningJob(match[1])
        elif match := FAILED.match(line):
            self._job = RunningJob(match[1])
            self.failed.append(self._job)
        elif (match := PROPERTY.match(line)) and self._job is not None:
            self._set(self._job, match[1], match[2])
        elif match := FINISHED.match(line):
            self._finish(match[1])
        elif match := PROGRESS.match(line):
            self.done, self.total = int(match[1]), int(match[2])

    def seconds_left(self, cores: int) -> float | None:
        """An estimate from the jobs that have ended and from what running jobs say; None before the
        plan is known.
        """
        if not self._planned:
            return None
        ended = [one for times in self._seconds.values() for one in times]
        mean = sum(ended) / len(ended) if ended else GUESSED_SECONDS
        waiting = 0.0
        for rule, count in self._planned.items():
            if rule == "total":
                continue
            times, now = self._seconds[rule], self._running_of(rule)
            one = sum(times) / len(times) if times else mean
            waiting += one * max(count - len(times) - now, 0)
        left = [job.progress()[1] or 0.0 for job in self.running.values()]
        return max([*left, (waiting + sum(left)) / max(cores, 1)])

    def _running_of(self, rule: str) -> int:
        return sum(job.rule == rule for job in self.running.values())

    def _set(self, job: RunningJob, name: str, value: str) -> None:
        if name == "log":
            job.log = Path(value.split(", ")[0])
        elif name == "wildcards":
            job.wildcards = dict(pair.split("=", 1) for pair in value.split(", ") if "=" in pair)
        elif job in self.failed:
            self.failed[-1] = self.running.pop(value, job)  # knows its wildcards too
            self._job = None
        else:
            self.running[value] = job

    def _finish(self, jobid: str) -> None:
        job = self.running.pop(jobid, None)
        if job is not None:
            self._seconds[job.rule].append(time.monotonic() - job.start)


def running_build(folder: Path) -> int | None:
    """Id of a Snakemake process of this project; None if there is none."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_snakemake = any(Path(word).name == "snakemake" for word in process.cmdline()[:2])
            if is_snakemake and Path(process.cwd()) == folder:
                return process.pid
    return None


def _seconds(clock: str) -> float | None:
    """Seconds of 01:02:03 or 02:03; None for a question mark."""
    if "?" in clock:
        return None
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return float(seconds)
