"""Select the samples that a page shows, and separate given from generated text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sedd.config import Experiment
from sedd.report.page.commands import configured_samples
from sedd.report.page.settings_table import spell
from sedd.results.samples import Sample
from sedd.results.samples import read as read_samples
from sedd.results.samples import read_all as read_all_samples

NUM_IN_COLUMN, NUM_IN_LIST = 2, 8  # samples per checkpoint: side by side; in a list of its own
CHARACTERS_IN_COLUMN, CHARACTERS_IN_LIST = 900, 6000  # per sample, to keep the page small
GIVEN = ("prefix", "suffix", "pieces")  # settings of a sample that hold the given text


@dataclass(frozen=True)
class Part:
    """A part of a text."""

    text: str
    is_given: bool


@dataclass(frozen=True)
class ShownSample:
    """A text in its parts. note: whether it is cut; empty if it is not."""

    parts: list[Part]
    note: str


@dataclass(frozen=True)
class SampleFile:
    """Samples of one checkpoint by one sampler. count: in the file; shown: the first of them."""

    step: int
    sampler: str
    path: Path
    count: int
    settings: str
    shown: list[ShownSample]


@dataclass(frozen=True)
class Gallery:
    """Unconditional samples of one sampler.

    columns: a file for each checkpoint, shown side by side.
    newest: more samples of the last checkpoint.
    is_own: drawn with the settings of the `sampling` section.
    """

    sampler: str
    columns: list[SampleFile]
    newest: SampleFile
    is_own: bool


@dataclass(frozen=True)
class RunSamples:
    """All samples of a run. infills: samples around given text."""

    galleries: list[Gallery]
    infills: list[SampleFile]


def shown_samples(experiment: Experiment) -> RunSamples:
    """Samples on the page of a run. Raises DataError with file and line if one is malformed."""
    own = configured_samples(experiment, 0).stem
    columns: list[SampleFile] = []
    newest: dict[str, SampleFile] = {}  # by sampler
    infills: list[SampleFile] = []
    files = read_all_samples(experiment)
    for step, path in sorted(files, key=lambda key: (key[1].stem, key[0])):
        samples = files[step, path]
        long = _file(step, path, samples, NUM_IN_LIST, CHARACTERS_IN_LIST)
        if any(sample.settings.get(key) for sample in samples for key in GIVEN):
            infills.append(long)
            continue
        short = _file(step, path, samples, NUM_IN_COLUMN, CHARACTERS_IN_COLUMN)
        columns.append(short)
        newest[path.stem] = long if path.stem == own else short
    galleries = [
        Gallery(sampler, list(group), newest[sampler], sampler == own)
        for sampler, group in groupby(columns, key=lambda file: file.sampler)
    ]
    return RunSamples(galleries, infills)


def first_sample(path: Path, characters: int = 240) -> ShownSample | None:
    """The first text of a file, cut to fit a card. Raises DataError if it is malformed."""
    samples = read_samples(path, 1)
    return _shown(samples[0], characters) if samples else None


def _file(step: int, path: Path, samples: list[Sample], count: int, characters: int) -> SampleFile:
    return SampleFile(
        step=step,
        sampler=path.stem,
        path=path,
        count=len(samples),
        settings=_settings(samples),
        shown=[_shown(sample, characters) for sample in samples[:count]],
    )


def _shown(sample: Sample, characters: int) -> ShownSample:
    parts, kept, left = [], 0, characters
    for part in _parts(sample):
        if not part.is_given and len(part.text) > left:
            part = Part(f"{part.text[:left]} …", is_given=False)
            kept, left = kept + left, 0
        elif not part.is_given:
            kept, left = kept + len(part.text), left - len(part.text)
        parts.append(part)
    drawn = sum(len(part.text) for part in _parts(sample) if not part.is_given)
    note = f"Cut: {kept:,} of {drawn:,} characters are shown." if kept < drawn else ""
    return ShownSample(parts, note)


def _parts(sample: Sample) -> Iterator[Part]:
    """The parts of a text: generated, and given as prefix, suffix and pieces in their order. A given
    text that the text does not have at its place, as in a file from elsewhere, is left out.
    """
    prefix, suffix = (str(sample.settings.get(key) or "") for key in ("prefix", "suffix"))
    prefix = prefix if sample.text.startswith(prefix) else ""
    suffix = suffix if sample.text[len(prefix) :].endswith(suffix) else ""
    middle = sample.text[len(prefix) : len(sample.text) - len(suffix)]
    pieces = sample.settings.get("pieces")
    by_place = pieces if isinstance(pieces, dict) else {}
    parts = [Part(prefix, is_given=True)]
    for place in sorted(by_place, key=_number):
        piece = str(by_place[place])
        if piece in middle:
            before, middle = middle.split(piece, 1) if piece else ("", middle)
            parts += [Part(before, is_given=False), Part(piece, is_given=True)]
    parts += [Part(middle, is_given=False), Part(suffix, is_given=True)]
    return (part for part in parts if part.text)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _settings(samples: list[Sample]) -> str:
    if not samples:
        return ""
    return ", ".join(
        f"{key} {spell(value)}" for key, value in samples[0].settings.items() if key not in GIVEN
    )
