"""All splits of a text in one pass over it, in parts that a killed process leaves whole."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.text_examples import TEXTS, json_lines

from sedd.config.dataset import DatasetConfig
from sedd.data import encoding, one_pass, token_parts
from sedd.data.encoding import Encoder
from sedd.data.sources import divided, documents
from sedd.data.token_folder import open_tokens, token_counts
from sedd.data.tokenize import tokenize_split, tokenize_splits
from sedd.errors import DataError

HASH = {"type": "hash", "validation": 0.2, "test": 0.2}
LAST = {"type": "last", "validation": 40, "test": 30}
SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """About twelve parts, of several batches each."""
    monkeypatch.setattr(token_parts, "PART_CHARACTERS", 1600)
    monkeypatch.setattr(encoding, "BATCH_CHARACTERS", 300)


def folders(path: Path, splits: tuple[str, ...] = SPLITS) -> dict[str, Path]:
    return {split: path / split for split in splits}


def content(path: Path) -> dict[str, bytes]:
    """All files but the records of verification, which have times."""
    return {
        f"{file.relative_to(path)}": file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and not file.name.endswith("verified.json")
    }


def expected(
    dataset: DatasetConfig, path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, bytes]:
    """The splits one by one, each in a single part."""
    with monkeypatch.context() as patch:
        patch.setattr(token_parts, "PART_CHARACTERS", 1 << 30)
        for split, folder in folders(path).items():
            tokenize_split(dataset, "text8", split, folder)
    return content(path)


@pytest.mark.parametrize("splits", [HASH, LAST], ids=["hash", "last"])
def test_one_pass_writes_what_one_pass_for_each_split_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, splits: dict[str, Any]
):
    dataset = json_lines(tmp_path, [*TEXTS[:150], " ", "", *TEXTS[150:]], splits=splits)
    wanted = expected(dataset, tmp_path / "one", monkeypatch)
    passes = []
    monkeypatch.setattr(one_pass, "divided", lambda *args: passes.append(args) or divided(*args))
    metas = tokenize_splits(dataset, "text8", folders(tmp_path / "all"))
    assert content(tmp_path / "all") == wanted
    assert list(metas) == list(SPLITS)
    assert len(passes) == 1
    for folder in folders(tmp_path / "all").values():
        tokens = np.array(open_tokens(folder)[0])
        assert np.array_equal(token_counts(folder), np.bincount(tokens, minlength=27))


def test_every_text_belongs_to_one_split_and_an_empty_one_to_the_papers_alone(tmp_path: Path):
    dataset = json_lines(tmp_path, [*TEXTS, "", " "], splits=HASH)
    found = list(divided(dataset, [*SPLITS, "paper"]))
    assert [text for text, _ in found] == [*TEXTS, "", " "]
    assert {tuple(of) for text, of in found if text.strip()} == {
        ("train",),
        ("validation",),
        ("test", "paper"),
    }
    for split in (*SPLITS, "paper"):
        assert [text for text, of in found if split in of] == list(documents(dataset, split))


def test_splits_of_several_parts_of_a_source_take_a_pass_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """validation and test are one file, so that it is read once."""
    whole = json_lines(tmp_path, TEXTS)
    (tmp_path / "held.jsonl").write_text(json.dumps({"text": "held out"}) + "\n")
    source = {
        "type": "file",
        "files": {"a": f"{tmp_path / 'texts.jsonl'}", "b": f"{tmp_path / 'held.jsonl'}"},
    }
    named = {"type": "named", "train": "a", "validation": "b", "test": "b"}
    values = {**whole.model_dump(mode="json"), "source": source, "splits": named}
    dataset = DatasetConfig.model_validate(values)
    passes = []
    monkeypatch.setattr(one_pass, "divided", lambda *args: passes.append(args[1]) or divided(*args))
    metas = tokenize_splits(dataset, "text8", folders(tmp_path / "all"))
    assert sorted(passes) == [["train"], ["validation", "test"]]
    assert [metas[split]["num_documents"] for split in SPLITS] == [300, 1, 1]


def test_prepared_splits_are_finished_without_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dataset = json_lines(tmp_path, TEXTS)
    wanted = expected(dataset, tmp_path / "one", monkeypatch)
    out = folders(tmp_path / "out")
    tokenize_splits(dataset, "text8", {"train": out["train"]}, prepare=out)
    assert not out["validation"].exists()
    monkeypatch.setattr(one_pass, "divided", None)
    for split in ("validation", "test"):
        tokenize_splits(dataset, "text8", {split: out[split]}, prepare=out)
    assert content(tmp_path / "out") == wanted
    assert not list((tmp_path / "out").glob(".*"))


class KilledError(BaseException):
    """Like a signal, not caught by `except Exception`."""


def stopping(after: int) -> Callable[..., Iterator[tuple[str, list[str]]]]:
    """A source that ends the process after some texts."""

    def texts(*args: Any) -> Iterator[tuple[str, list[str]]]:
        for number, one in enumerate(divided(*args)):
            if number == after:
                raise KilledError
            yield one

    return texts


def test_a_killed_pass_continues_with_the_parts_that_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dataset, out = json_lines(tmp_path, TEXTS), folders(tmp_path / "out")
    wanted = expected(dataset, tmp_path / "one", monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(one_pass, "divided", stopping(200))
        patch.setattr(encoding, "BATCHES_BEFORE_PROCESSES", 2)
        with pytest.raises(KilledError):
            tokenize_splits(dataset, "text8", out)
    whole = sorted(path.stem for path in (tmp_path / "out/.train.parts").glob("*.json"))
    assert 3 < len(whole) < 12
    assert not list((tmp_path / "out").rglob("*.tmp"))
    encoded = []
    monkeypatch.setattr(
        Encoder,
        "__call__",
        lambda self, texts, _real=Encoder.__call__: encoded.extend(texts) or _real(self, texts),
    )
    counted = []
    tokenize_splits(dataset, "text8", out, on_progress=counted.append)
    assert content(tmp_path / "out") == wanted
    assert 0 < len(encoded) < 170
    assert sum(counted) == len(TEXTS)
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("change", ["settings", "part", "code", "record", "content", "counts"])
def test_parts_of_other_settings_and_damaged_parts_are_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: str
):
    dataset, out = json_lines(tmp_path, TEXTS), folders(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(one_pass, "divided", stopping(200))
        patch.setattr(encoding, "BATCHES_BEFORE_PROCESSES", 2)
        with pytest.raises(KilledError):
            tokenize_splits(dataset, "text8", out)
    first = tmp_path / "out/.train.parts/00000"
    if change == "settings":
        dataset = json_lines(tmp_path, TEXTS, splits={**HASH, "seed": 1})
    elif change == "part":
        monkeypatch.setattr(token_parts, "PART_CHARACTERS", 900)
    elif change == "code":
        monkeypatch.setattr(token_parts, "_code", lambda: "another")
    elif change == "record":
        first.with_suffix(".json").write_bytes(b'{"settings": ')
    elif change == "content":
        tokens = first.with_suffix(".bin").read_bytes()
        first.with_suffix(".bin").write_bytes(bytes([tokens[0] ^ 1]) + tokens[1:])
    else:
        record = json.loads(first.with_suffix(".json").read_bytes())
        record["counts"][0] += 1
        first.with_suffix(".json").write_text(json.dumps(record))
    tokenize_splits(dataset, "text8", out)
    found = capsys.readouterr().err
    assert ("damaged; writing it again" if change == "content" else "dropping parts") in found
    assert content(tmp_path / "out") == expected(dataset, tmp_path / "one", monkeypatch)
    assert not list((tmp_path / "out").glob(".*"))


def test_processes_share_the_parts_also_when_one_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Three processes with one command; the first is killed after it has claimed a part."""
    dataset, out = json_lines(tmp_path, TEXTS), folders(tmp_path / "out")
    wanted = expected(dataset, tmp_path / "one", monkeypatch)
    log = tmp_path / "log"
    log.mkdir()

    def logging(self: Encoder, texts: list[str], _real: Any = Encoder.__call__) -> Any:
        with (log / f"{os.getpid()}").open("a") as file:
            file.write(f"{len(texts)}\n")
        while len([*log.glob("[0-9]*")]) < 3:  # until each has taken a part
            time.sleep(0.01)
        if len((log / f"{os.getpid()}").read_text().split()) == 4 and (log / "victim").exists():
            (log / "victim").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return _real(self, texts)

    monkeypatch.setattr(encoding, "BATCHES_BEFORE_PROCESSES", 1)
    monkeypatch.setattr(Encoder, "__call__", logging)
    (log / "victim").touch()
    children = []
    for _ in range(3):
        if (child := os.fork()) == 0:
            try:
                tokenize_splits(dataset, "text8", out)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    ends = [os.waitpid(child, 0)[1] for child in children]
    assert sorted(ends) == [0, 0, signal.SIGKILL]
    assert content(tmp_path / "out") == wanted
    counts = {path.name: sum(map(int, path.read_text().split())) for path in log.iterdir()}
    assert len(counts) == 3, "each encoded some texts"
    assert len(TEXTS) <= sum(counts.values()) < 1.5 * len(TEXTS), "and few were encoded twice"
    assert not list((tmp_path / "out").glob(".*"))


def test_a_link_in_the_place_of_the_parts_is_refused(tmp_path: Path):
    dataset, out = json_lines(tmp_path, TEXTS), tmp_path / "out"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".out.parts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"\.out\.parts: is a link; .* remove it"):
        tokenize_split(dataset, "text8", "train", out)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_finished_tokens_in_a_read_only_folder_take_no_lock(tmp_path: Path):
    dataset, out = json_lines(tmp_path, TEXTS), tmp_path / "data/train"
    meta = tokenize_split(dataset, "text8", "train", out)
    before = (tmp_path / "data").stat().st_mtime_ns
    assert tokenize_split(dataset, "text8", "train", out) == meta
    assert (tmp_path / "data").stat().st_mtime_ns == before
