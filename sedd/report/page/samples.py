"""Choose the samples that a page shows, and tell apart what was given and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sedd.config import Experiment
from sedd.report.page.settings import asked_samples, spell
from sedd.results.samples import Sample
from sedd.results.samples import read_all as read_all_samples

SIDE_BY_SIDE = 2  # samples of each checkpoint
AT_LAST_STEP = 8
CHARACTERS_BESIDE, CHARACTERS = 900, 6000  # of one sample, so that a page stays light
GIVEN = ("prefix", "suffix")  # keys of a sample's settings that hold the given texts


@dataclass(frozen=True)
class ShownSample:
    """A text in three parts: given, written, given. note: what the text alone does not say."""

    prefix: str
    middle: str
    suffix: str
    note: str


@dataclass(frozen=True)
class SampleFile:
    """The samples of one checkpoint by one sampler: how many there are, and those shown."""

    step: int
    sampler: str
    path: Path
    count: int
    settings: str
    shown: list[ShownSample]


@dataclass(frozen=True)
class Gallery:
    """The free samples of one sampler by checkpoint, to stand side by side; then more of the newest checkpoint.

    is_own: drawn as the experiment's `sampling` section says, not for a judge or by hand.
    """

    sampler: str
    columns: list[SampleFile]
    newest: SampleFile
    is_own: bool


@dataclass(frozen=True)
class Shown:
    """All samples of a run: free ones, and those around given text."""

    galleries: list[Gallery]
    infills: list[SampleFile]


def shown_samples(experiment: Experiment) -> Shown:
    """A few samples of each checkpoint. Raises DataError naming the file and line that is malformed."""
    own = asked_samples(experiment, 0).stem
    free: list[tuple[SampleFile, SampleFile]] = []  # beside other checkpoints, and by itself
    infills: list[SampleFile] = []
    for (step, path), samples in sorted(
        read_all_samples(experiment).items(), key=lambda item: (item[0][1].stem, item[0][0])
    ):
        beside = _file(step, path, samples, SIDE_BY_SIDE, CHARACTERS_BESIDE)
        alone = _file(step, path, samples, AT_LAST_STEP, CHARACTERS)
        if any(sample.prefix_tokens or sample.suffix_tokens for sample in samples):
            infills.append(alone)
        else:
            free.append((beside, alone if path.stem == own else beside))
    galleries = []
    for sampler, group in groupby(free, key=lambda files: files[0].sampler):
        files = list(group)
        columns = [beside for beside, _ in files]
        galleries.append(Gallery(sampler, columns, files[-1][1], sampler == own))
    return Shown(galleries, infills)


def _file(step: int, path: Path, samples: list[Sample], count: int, characters: int) -> SampleFile:
    return SampleFile(
        step=step,
        sampler=path.stem,
        path=path,
        count=len(samples),
        settings=_settings(samples),
        shown=[show(sample, characters) for sample in samples[:count]],
    )


def show(sample: Sample, characters: int = CHARACTERS) -> ShownSample:
    """Cut a sample where the given text ends and where it begins again."""
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
