"""The documents of a data set, one after the other, and what identifies them.

Sources, formats and splits are those of `sedd.config.dataset`. Nothing but a JSON file is ever held as a whole.
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
PAPER = "paper"  # beside them: the split that the paper measured, with its empty rows


def documents(dataset: DatasetConfig, split: str) -> Iterator[str]:
    """Yield the texts of `split`, in the order of the source, as they stand there (not detokenised).

    Rows without text are left out, but in the split `paper`: the paper's code closes each row with a separator, also an
    empty one, as every third is in WikiText.
    DataError, before the first text where possible, if the split does not exist or the source cannot be read.
    """
    part = _part(dataset, split)
    texts = _part_documents(dataset, part)
    if split != PAPER:
        texts = (text for text in texts if text.strip())
    rule = dataset.splits
    if isinstance(rule, HashSplits):
        meant = split_meant(dataset, split)
        return (text for text in texts if hashed_split(text, rule) == meant)
    return texts


def split_meant(dataset: DatasetConfig, split: str) -> str:
    """`split` itself, or the one of train, validation and test that `paper` stands for."""
    return dataset.splits.paper if split == PAPER else split


def source_sha256(dataset: DatasetConfig, split: str) -> str:
    """What identifies the raw text that `split` is taken from: its file's hash, or on the hub that of the commit."""
    part = _part(dataset, split)
    source = dataset.source
    if isinstance(source, HubSource):
        name = f"{source.repo}/{source.name or ''}/{part}@{hub.dataset_commit(source.repo, source.revision)}"
        return hashlib.sha256(name.encode()).hexdigest()
    return file_sha256(source_file(source, part))


def hashed_split(text: str, rule: HashSplits) -> str:
    """The split of a document, by its content alone: wherever a copy of it stands, it is in the same split."""
    key = rule.seed.to_bytes(8, "big")
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()
    share = int.from_bytes(digest, "big") / 2**64
    if share < rule.test:
        return "test"
    return "validation" if share < rule.test + rule.validation else "train"


def _part(dataset: DatasetConfig, split: str) -> str:
    """The part of the source that holds `split`."""
    if split not in (*SPLITS, PAPER):
        raise DataError(
            f"dataset {dataset.name}: split {split!r} is unknown; allowed: {', '.join((*SPLITS, PAPER))}"
        )
    split = split_meant(dataset, split)
    rule, source = dataset.splits, dataset.source
    if isinstance(rule, HashSplits):
        if split != "train" and getattr(rule, split) == 0:
            raise DataError(
                f"dataset {dataset.name}: has no {split} split: splits.{split} is 0; give it a share"
            )
        # a configuration without a part has only one, which its own rules make sure of
        return rule.part or next(iter(getattr(source, "files", [PACKAGE_PART])))
    part = getattr(rule, split)
    if part is None:
        raise DataError(
            f"dataset {dataset.name}: has no {split} split; its splits: "
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
