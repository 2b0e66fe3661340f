"""Assignment of documents to splits."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers.text_examples import TEXTS, json_lines, local

from sedd.config.dataset import HashSplits, LastSplits
from sedd.data.sources import SPLITS, documents, hashed_split, source_sha256
from sedd.errors import DataError


def test_every_document_is_in_exactly_one_split(tmp_path: Path):
    dataset = json_lines(tmp_path, TEXTS)
    parts = {split: list(documents(dataset, split)) for split in SPLITS}
    assert sorted(text for part in parts.values() for text in part) == sorted(TEXTS)
    assert all(parts.values())


def test_copies_of_a_document_are_in_the_same_split(tmp_path: Path):
    dataset = json_lines(tmp_path, TEXTS + TEXTS[::-1])
    for split in SPLITS:
        part = list(documents(dataset, split))
        assert part[: len(part) // 2] == part[len(part) // 2 :][::-1]


def test_split_fractions_match_the_configuration():
    rule = HashSplits(type="hash", seed=3, validation=0.1, test=0.3)
    count = 20_000
    found = [hashed_split(f"text {n}", rule) for n in range(count)]
    for split, share in {"train": 0.6, "validation": 0.1, "test": 0.3}.items():
        # five standard deviations: a false alarm in 600 000 seeds, and the seed is fixed
        assert abs(found.count(split) / count - share) < 5 * math.sqrt(share * (1 - share) / count)


def test_the_seed_changes_the_split():
    one, other = (HashSplits(type="hash", seed=seed, validation=0.2, test=0.2) for seed in (0, 1))
    assert [hashed_split(text, one) for text in TEXTS] != [
        hashed_split(text, other) for text in TEXTS
    ]


def test_the_split_of_a_text_never_changes():
    rule = HashSplits(type="hash", seed=0, validation=0.25, test=0.25)
    assert [hashed_split(text, rule) for text in ("a", "b", "c", "d", "é", "")] == [
        "train", "train", "test", "test", "test", "train",
    ]  # fmt: skip


def test_named_splits_are_separate_files(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"text {name}\n")
    source = {"type": "file", "files": {name: str(tmp_path / f"{name}.txt") for name in ("a", "b")}}
    dataset = local(
        tmp_path,
        {"type": "text"},
        source=source,
        splits={"type": "named", "train": "a", "test": "b"},
    )
    assert list(documents(dataset, "train")) == ["text a"]
    assert list(documents(dataset, "test")) == ["text b"]
    assert source_sha256(dataset, "train") != source_sha256(dataset, "test")
    with pytest.raises(DataError, match=r"local: no validation split; its splits: train, test"):
        documents(dataset, "validation")


def test_missing_and_unknown_splits_are_errors(tmp_path: Path):
    dataset = json_lines(tmp_path, TEXTS, splits={"type": "hash", "validation": 0.1, "test": 0.0})
    with pytest.raises(DataError, match=r"splits\.test is 0"):
        documents(dataset, "test")
    with pytest.raises(DataError, match=r"unknown split 'valid'; allowed: train, validation, test"):
        documents(dataset, "valid")


def test_the_last_documents_are_held_out_in_the_order_of_the_source(tmp_path: Path):
    texts = [*TEXTS[:5], " ", *TEXTS[5:9]]
    dataset = json_lines(tmp_path, texts, splits={"type": "last", "validation": 4, "test": 2})
    assert isinstance(dataset.splits, LastSplits)
    assert dataset.available_splits() == list(SPLITS)
    assert [list(documents(dataset, split)) for split in SPLITS] == [
        TEXTS[:4],
        TEXTS[4:7],
        TEXTS[7:9],
    ]
    # MDLM measures the validation split, with a separator for the empty row too
    assert list(documents(dataset, "mdlm")) == texts[4:8]
    without = json_lines(tmp_path, texts, splits={"type": "last", "validation": 10})
    with pytest.raises(DataError, match=r"10 documents, of which .* take 10; lower these"):
        documents(without, "train")
    with pytest.raises(DataError, match="no test split"):
        documents(without, "test")


def test_mdlm_measures_the_test_split_where_there_is_no_validation(tmp_path: Path):
    dataset = json_lines(tmp_path, TEXTS[:3], splits={"type": "named", "test": "all"})
    assert list(documents(dataset, "mdlm")) == TEXTS[:3]
