"""Documents of a dataset as a stream, and the hash that identifies their source.

`sedd.config.dataset` defines sources, formats and splits. Only JSON files are read into memory as a
whole.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from sedd.config.dataset import DatasetConfig, HashSplits, HubSource, LastSplits, RowsFormat
from sedd.data.files import source_files
from sedd.data.hub_dataset import HubDataset
from sedd.data.parts import SPLITS, WITH_EMPTY_ROWS, part_of, underlying_split
from sedd.data.readers import read_documents
from sedd.errors import DataError
from sedd.runtime.provenance import file_sha256


def documents(dataset: DatasetConfig, split: str) -> Iterator[str]:
    """Yield the raw texts of `split` (not detokenized), in the order of the source.

    Raises DataError as `divided` does.
    """
    return (text for text, splits in divided(dataset, [split]) if splits)


def divided(dataset: DatasetConfig, splits: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield every raw text of the source's part that holds these splits, in one pass, with those of
    the splits that it belongs to, possibly none.

    A row without text belongs to none, except to `paper` and `mdlm`: the code of these papers appends
    a separator to empty rows too, and every third row of WikiText is empty.

    Raises DataError if a split does not exist or the source cannot be read, if possible before the
    first text.
    """
    (part,) = {part_of(dataset, split) for split in splits}
    texts = _part_documents(dataset, part)
    rule, targets = dataset.splits, {split: underlying_split(dataset, split) for split in splits}
    bounds: dict[str, tuple[int, int]] = {}
    if isinstance(rule, LastSplits):
        # counted before they are read, so that the last ones need not be kept in memory
        total = sum(1 for _ in _part_documents(dataset, part))
        bounds = {split: _bounds(dataset.name, rule, total, targets[split]) for split in splits}

    def splits_of(number: int, text: str) -> list[str]:
        asked = splits if text.strip() else [one for one in splits if one in WITH_EMPTY_ROWS]
        if isinstance(rule, LastSplits):
            return [one for one in asked if bounds[one][0] <= number < bounds[one][1]]
        if isinstance(rule, HashSplits) and asked:
            home = hashed_split(text, rule)
            return [one for one in asked if targets[one] == home]
        return list(asked)

    return ((text, splits_of(number, text)) for number, text in enumerate(texts))


def _bounds(name: str, rule: LastSplits, total: int, split: str) -> tuple[int, int]:
    """The first document of a split, and the one after its last. Raises DataError."""
    ends = total - rule.validation - rule.test, total - rule.test, total
    if ends[0] <= 0:
        raise DataError(
            f"dataset {name}: {total} documents, of which splits.validation and splits.test take "
            f"{rule.validation + rule.test}; lower these, so that train is not empty"
        )
    index = SPLITS.index(split)
    return (0, *ends)[index], ends[index]


def source_sha256(dataset: DatasetConfig, split: str) -> str:
    """Identify the raw text of `split`: sha256 of the source file, of the hashes of several, or of the
    hub commit.
    """
    part = part_of(dataset, split)
    source = dataset.source
    if isinstance(source, HubSource):
        commit = _on_hub(source).commit()
        name = f"{source.repo}/{source.name or ''}/{part}@{commit}"
        return hashlib.sha256(name.encode()).hexdigest()
    files = source_files(source, part, dataset.format.endings)
    hashes = [_sha256(path, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


@functools.lru_cache(maxsize=4096)
def _sha256(path: Path, size: int, modified: int) -> str:
    """Hash of a file, read once: the splits of a large corpus share its files."""
    return file_sha256(path)


def hashed_split(text: str, rule: HashSplits) -> str:
    """Assign a document to a split by a hash of its text; duplicates share a split."""
    key = rule.seed.to_bytes(8, "big")
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=key).digest()
    fraction = int.from_bytes(digest, "big") / 2**64
    if fraction < rule.test:
        return "test"
    return "validation" if fraction < rule.test + rule.validation else "train"


def fetch_source(dataset: DatasetConfig, split: str) -> None:
    """Download what `documents` reads for `split`, if it is not here yet. Raises DataError."""
    part, source = part_of(dataset, split), dataset.source
    if isinstance(source, HubSource):
        _on_hub(source).fetch(part)
    else:
        source_files(source, part, dataset.format.endings)


def _on_hub(source: HubSource) -> HubDataset:
    return HubDataset(source.repo, source.name, source.revision)


def _part_documents(dataset: DatasetConfig, part: str) -> Iterator[str]:
    source, form = dataset.source, dataset.format
    if isinstance(source, HubSource):
        assert isinstance(form, RowsFormat)
        return _on_hub(source).rows(part, form.field)
    files = source_files(source, part, form.endings)
    return itertools.chain.from_iterable(read_documents(path, form) for path in files)
