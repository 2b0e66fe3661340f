"""Notes on a run: files and numbers that are not what they seem, for `sedd status` and the pages."""

from __future__ import annotations

import csv
import pickletools
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sedd.paths import curves_dir, metrics_file, numbered_files, run_dir
from sedd.runtime.json_text import object_or_empty
from sedd.runtime.provenance import code_version, makes_the_same_numbers

INTEGERS = ("BININT", "BININT1", "BININT2", "LONG1")  # what pickle writes for a number
Part = tuple[int, str]  # first step, and version of the code that trained from there on


def notes(run: str) -> list[str]:
    """One line for each thing to know before the numbers of a run are used."""
    return [*problems(run), *made_by_other_code(run)]


def problems(run: str) -> list[str]:
    """Notes on files that are not what they seem."""
    return [*_checkpoint_notes(run), *_training_notes(run)]


def _checkpoint_notes(run: str) -> list[str]:
    folder = run_dir(run) / "checkpoints"
    numbered = numbered_files(folder, "step")
    found = []
    for step, path in numbered.items():
        recorded = recorded_step(path)
        if recorded != step:
            holds = "is damaged" if recorded is None else f"holds step {recorded}"
            found.append(f"{path.name} {holds}; it cannot be opened: delete it")
    strange = sorted(path.name for path in {*folder.glob("step_*.pt")} - {*numbered.values()})
    return found + [f"{name} is not the name of a checkpoint; ignored" for name in strange]


def recorded_step(path: Path) -> int | None:
    """The step that a checkpoint holds; None if it cannot be read. Runs nothing of the file, and
    needs no torch.

    A checkpoint is a zip file with a pickled dictionary; no inner dictionary has the key `step`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(one for one in archive.namelist() if one.endswith("/data.pkl"))
            found = False
            for code, value, _ in pickletools.genops(archive.read(name)):
                if found and code.name in INTEGERS:
                    return value
                found = found or value == "step"
    except (OSError, ValueError, StopIteration, zipfile.BadZipFile, NotImplementedError):
        pass
    return None


def _training_notes(run: str) -> list[str]:
    parts = training_parts(run)
    if len({version for _, version in parts}) < 2:
        return []
    spans = ", ".join(f"from step {step} by {version}" for step, version in parts)
    return [f"trained by several versions of the code: {spans}"]


def training_parts(run: str) -> list[Part]:
    """The versions of the code that trained a run, in order; a version that goes on is one part.

    A part that was later trained again, from an earlier step, is left out.
    """
    parts: list[Part] = []
    for start in _starts(run):
        try:
            step, version = int(start["step"]), str(start["code_version"])
        except (KeyError, ValueError, TypeError, OverflowError):
            continue
        parts = [part for part in parts if part[0] < step]
        if not parts or parts[-1][1] != version:
            parts.append((step, version))
    return parts


def _starts(run: str) -> Iterator[Mapping[str, Any]]:
    """The starts and resumptions of a training, from its log or its curves."""
    if metrics_file(run).is_file():
        with metrics_file(run).open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if '"start"' in line and (content := object_or_empty(line)).get("kind") == "start":
                    yield content
        return
    path = curves_dir(run) / "start.csv"
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            yield from csv.DictReader(file)


def made_by_other_code(run: str) -> list[str]:
    """A note on the results that code has made which may compute other numbers than today's."""
    files = [*run_dir(run).glob("eval/**/*.json"), *run_dir(run).glob("samples/**/*.jsonl")]
    versions = Counter(version for path in files if (version := _code_of(path)) is not None)
    other = {
        version: count
        for version, count in sorted(versions.items())
        if not makes_the_same_numbers(version)
    }
    if not other:
        return []
    spelled = ", ".join(f"{count} by {version}" for version, count in other.items())
    total = versions.total()
    return [
        f"{sum(other.values())} of {total} results were made by another version of the code that "
        f"computes numbers: {spelled}; today's is {code_version()}. They are right for that version; "
        f"today's may give slightly others. To make them again, delete {run_dir(run)}/eval and "
        f"samples, and run: sedd evaluate {run}"
    ]


def _code_of(path: Path) -> str | None:
    """The version of the code that made a result; None for a file that records none."""
    try:
        with path.open(encoding="utf-8") as file:
            content = object_or_empty(file.readline() if path.suffix == ".jsonl" else file.read())
    except (OSError, UnicodeDecodeError):
        return None
    about = content.get("about", content)
    provenance = about.get("provenance") if isinstance(about, dict) else None
    version = provenance.get("code_version") if isinstance(provenance, dict) else None
    return version if isinstance(version, str) else None
