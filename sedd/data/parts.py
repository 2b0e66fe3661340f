"""Which part of a source a split comes from, and the local files of it."""

from __future__ import annotations

from pathlib import Path

from sedd.config.dataset import PACKAGE_PART, DatasetConfig, FileSource, NamedSplits
from sedd.data.files import source_files
from sedd.errors import DataError

SPLITS = ("train", "validation", "test")
# Further splits: the text that a paper measured, with a separator after each row, also an empty one.
PAPER = "paper"
MDLM = "mdlm"
WITH_EMPTY_ROWS = (PAPER, MDLM)


def underlying_split(dataset: DatasetConfig, split: str) -> str:
    """train, validation or test; for `paper` and `mdlm`, the split of these that the paper measured:
    for MDLM, validation, or test if there is no other.
    """
    if split == PAPER:
        return dataset.splits.paper
    if split == MDLM:
        return "validation" if "validation" in dataset.available_splits() else "test"
    return split


def part_of(dataset: DatasetConfig, split: str) -> str:
    """Name of the source's part (file or hub split) that contains `split`.

    Raises DataError if there is none.
    """
    if split not in (*SPLITS, *WITH_EMPTY_ROWS):
        raise DataError(
            f"dataset {dataset.name}: unknown split {split!r}; "
            f"allowed: {', '.join((*SPLITS, *WITH_EMPTY_ROWS))}"
        )
    split = underlying_split(dataset, split)
    rule, source = dataset.splits, dataset.source
    if not isinstance(rule, NamedSplits):
        if split != "train" and getattr(rule, split) == 0:
            raise DataError(
                f"dataset {dataset.name}: no {split} split, because splits.{split} is 0; "
                "increase it"
            )
        # the configuration requires splits.part if the source has several parts
        return rule.part or next(iter(getattr(source, "files", [PACKAGE_PART])))
    part = getattr(rule, split)
    if part is None:
        raise DataError(
            f"dataset {dataset.name}: no {split} split; its splits: "
            f"{', '.join(name for name in SPLITS if getattr(rule, name))}"
        )
    return part


def files_of_split(dataset: DatasetConfig, split: str) -> list[Path]:
    """The user's own files that a split is read from; none for a source of another type.

    Raises DataError if one is missing.
    """
    if not isinstance(dataset.source, FileSource):
        return []
    return source_files(dataset.source, part_of(dataset, split), dataset.format.endings)
