"""Select the samples that a page shows, and separate given from generated text."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sedd.config import Experiment
from sedd.report.page.commands import configured_samples
from sedd.report.page.settings_table import spell
from sedd.results.samples import Sample
from sedd.results.samples import read_all as read_all_samples

NUM_IN_COLUMN, NUM_IN_LIST = 2, 8  # samples per checkpoint: side by side; in a list of its own
CHARACTERS_IN_COLUMN, CHARACTERS_IN_LIST = 900, 6000  # per sample, to keep the page small
GIVEN = ("prefix", "suffix")  # settings of a sample that hold the given text


@dataclass(frozen=True)
class ShownSample:
    """A text in three parts: given prefix, generated middle, given suffix.

    note: number of given tokens, and whether the text is cut; empty if neither applies.
    """

    prefix: str
    middle: str
    suffix: str
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
    """All samples of a run. infills: samples with a given prefix or suffix."""

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
        if any(sample.prefix_tokens or sample.suffix_tokens for sample in samples):
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
    before, after = (str(sample.settings.get(key) or "") for key in GIVEN)
    prefix = before if sample.text.startswith(before) else ""
    suffix = after if sample.text[len(prefix) :].endswith(after) else ""
    middle = sample.text[len(prefix) : len(sample.text) - len(suffix)]
    notes = []
    if sample.prefix_tokens or sample.suffix_tokens:
        notes.append(
            f"Given: the first {sample.prefix_tokens} and the last {sample.suffix_tokens} "
            f"of {len(sample.tokens)} tokens."
        )
    if len(middle) > characters:
        notes.append(f"Cut: {characters:,} of {len(middle):,} characters are shown.")
        middle = f"{middle[:characters]} …"
    return ShownSample(prefix, middle, suffix, " ".join(notes))


def _settings(samples: list[Sample]) -> str:
    if not samples:
        return ""
    return ", ".join(
        f"{key} {spell(value)}" for key, value in samples[0].settings.items() if key not in GIVEN
    )
