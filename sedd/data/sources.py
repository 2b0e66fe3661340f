"""Documents of a data set as a stream, and the hash that identifies their source.

`sedd.config.dataset` defines sources, formats and splits. Only JSON files are read into memory as a
whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sedd.config.dataset import (
    PACKAGE_PART,
    DatasetConfig,
    HashSplits,
    HubSource,
    RowsFormat,
)
from sedd.data import hub
from sedd.data.files import source_file
from sedd.data.readers import read_documents
from sedd.errors import DataError
from sedd.runtime.provenance import file_sha256

SPLITS = ("train", "validation", "test")
PAPER = "paper"  # a fourth split: the text that the paper measured, with its empty rows


def documents(dataset: DatasetConfig, split: str) -> Iterator[str]:
    """Yield the raw texts of `split` (not detokenized), in the order of the source.

    Skips rows without text, except in the split `paper`: the paper's code appends a separator to
    empty rows too, and every third row of WikiText is empty.

    Raises DataError if the split does not exist or the source cannot be read, if possible before
    the first text.
    """
    part = _part(dataset, split)
    texts = _part_documents(dataset, part)
    if split != PAPER:
        texts = (text for text in texts if text.strip())
    rule = dataset.splits
    if isinstance(rule, HashSplits):
        target = underlying_split(dataset, split)
        return (text for text in texts if hashed_split(text, rule) == target)
    return texts


def underlying_split(dataset: DatasetConfig, split: str) -> str:
    """train, validation or test; for `paper`, the split of these that the paper measured."""
    return dataset.splits.paper if split == PAPER else split


def source_sha256(dataset: DatasetConfig, split: str) -> str:
    """Identify the raw text of `split`: sha256 of the source file, or of the hub commit."""
    part = _part(dataset, split)
    source = dataset.source
    if isinstance(source, HubSource):
        commit = hub.dataset_commit(source.repo, source.revision)
        name = f"{source.repo}/{source.name or ''}/{part}@{commit}"
        return hashlib.sha256(name.encode()).hexdigest()
    return file_sha256(source_file(source, part))


def hashed_split(text: str, rule: HashSplits) -> str:
    """Assign a document to a split by a hash of its text; duplicates share a split."""
    key = rule.seed.to_bytes(8, "big")
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()
    fraction = int.from_bytes(digest, "big") / 2**64
    if fraction < rule.test:
        return "test"
    return "validation" if fraction < rule.test + rule.validation else "train"


def _part(dataset: DatasetConfig, split: str) -> str:
    """Name of the source's part (file or hub split) that contains `split`.

    Raises DataError if there is none.
    """
    if split not in (*SPLITS, PAPER):
        raise DataError(
            f"dataset {dataset.name}: unknown split {split!r}; "
            f"allowed: {', '.join((*SPLITS, PAPER))}"
        )
    split = underlying_split(dataset, split)
    rule, source = dataset.splits, dataset.source
    if isinstance(rule, HashSplits):
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


def _part_documents(dataset: DatasetConfig, part: str) -> Iterator[str]:
    source, form = dataset.source, dataset.format
    if isinstance(source, HubSource):
        assert isinstance(form, RowsFormat)
        return hub.rows(source.repo, source.name, source.revision, part, form.field)
    assert not isinstance(form, RowsFormat)
    return read_documents(source_file(source, part), form)
