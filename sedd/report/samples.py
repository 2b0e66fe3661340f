"""Choose the samples that a page shows, and tell apart what was given and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sedd.config import Experiment
from sedd.report.collect import Sample, run_samples
from sedd.report.settings import spell

AT_LAST_STEP = 8
AT_EARLIER_STEPS = 2
CHARACTERS = 6000  # of one sample, so that a page stays light
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


def shown_samples(experiment: Experiment) -> list[SampleFile]:
    """A few samples of each checkpoint, the newest checkpoint first."""
    found = run_samples(experiment)
    newest = max((step for step, _ in found), default=None)
    return [
        SampleFile(
            step=step,
            sampler=path.stem,
            path=path,
            count=len(samples),
            settings=_settings(samples),
            shown=[
                show(sample)
                for sample in samples[: AT_LAST_STEP if step == newest else AT_EARLIER_STEPS]
            ],
        )
        for (step, path), samples in sorted(
            found.items(), key=lambda item: (-item[0][0], item[0][1])
        )
    ]


def show(sample: Sample) -> ShownSample:
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
    if len(middle) > CHARACTERS:
        notes.append(f"Cut: {CHARACTERS:,} of {len(middle):,} characters are shown.")
        middle = f"{middle[:CHARACTERS]} …"
    return ShownSample(prefix, middle, suffix, " ".join(notes))


def _settings(samples: list[Sample]) -> str:
    if not samples:
        return ""
    return ", ".join(
        f"{key} {spell(value)}" for key, value in samples[0].settings.items() if key not in GIVEN
    )
