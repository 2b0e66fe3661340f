"""The same documents from files of every kind, in every compression; and what is wrong with a file."""

from __future__ import annotations

import csv
import gzip
import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
from helpers.text_examples import json_lines, local
from pyarrow import parquet
from pydantic import TypeAdapter

from sedd.config.dataset import Format
from sedd.data import readers, table_files
from sedd.data.readers import read_documents
from sedd.data.sources import documents, source_sha256
from sedd.data.tokenize import tokenize_split
from sedd.errors import DataError

TEXTS = [f'Row {n}, "quoted"\nand “more”\n' for n in range(150)]
IDS = [[12, 7, 3], [0, 388], []]
SHAPES = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": lambda d: zstd(d[:99]) + zstd(d[99:]),
}
WHOLE = {"type": "hash", "validation": 0.0, "test": 0.0}


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


def written_csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows([["id", "text"], *enumerate(TEXTS)])


def written_rows(path: Path) -> None:
    rows = [{"id": n, "text": text} for n, text in enumerate(TEXTS)]
    content = json.dumps(rows) if path.suffix == ".json" else "\n".join(map(json.dumps, rows))
    path.write_text(content, encoding="utf-8")


def written_arrow(path: Path) -> None:
    table = pa.table({"id": list(range(len(TEXTS))), "text": TEXTS})
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table, max_chunksize=70)


KINDS: dict[str, tuple[dict[str, Any], Callable[[Path], Any]]] = {
    "t.csv": ({"type": "csv", "field": "text", "delimiter": ";"}, written_csv),
    "t.json": ({"type": "json", "field": "text"}, written_rows),
    "t.jsonl": ({"type": "jsonl", "field": "text"}, written_rows),
    "t.parquet": (
        {"type": "rows"},
        lambda path: parquet.write_table(pa.table({"id": [*TEXTS], "text": TEXTS}), path),
    ),
    "t.arrow": ({"type": "rows", "field": "text"}, written_arrow),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_gives_the_same_documents(tmp_path: Path, name: str, shape: str):
    form, write = KINDS[name]
    plain, path = tmp_path / name, tmp_path / f"{name}{shape}"
    write(plain)
    path.write_bytes(SHAPES[shape](plain.read_bytes()))
    assert list(documents(local(path, form, splits=WHOLE), "train")) == TEXTS


def test_a_folder_of_the_library_datasets_is_read_without_what_it_has_cached(tmp_path: Path):
    rows = datasets.Dataset.from_dict({"text": TEXTS})
    rows.save_to_disk(tmp_path / "saved", num_shards=3)
    (tmp_path / "saved/cache-1.arrow").write_bytes(b"not read")
    assert (
        list(documents(local(tmp_path / "saved", {"type": "rows"}, splits=WHOLE), "train")) == TEXTS
    )
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "parts")
    with pytest.raises(
        DataError, match=r"has no file that ends in .*; it has: dataset_dict.json, train"
    ):
        documents(local(tmp_path / "parts", {"type": "rows"}), "train")


def test_a_part_is_a_file_a_folder_a_pattern_or_a_list(tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    shards = [Path("web") / f"{n:02}.txt{'.gz' * (n % 2)}" for n in range(20)]
    Path("web").mkdir()
    for number, shard in enumerate(shards):
        content = f"text {number}\n".encode()
        shard.write_bytes(gzip.compress(content, mtime=0) if shard.suffix == ".gz" else content)
    Path("web/README.html").write_text("not a shard\n")
    Path("web/.hidden.txt").write_text("not a shard\n")

    def read(files: str | list[str]) -> tuple[list[str], str]:
        source = {"type": "file", "files": {"all": files}}
        dataset = local(Path(), {"type": "text"}, source=source, splits=WHOLE)
        return list(documents(dataset, "train")), source_sha256(dataset, "train")

    texts = [f"text {number}" for number in range(20)]
    everything = read("web")
    assert everything[0] == texts
    assert read("web/*.txt*") == read("**/[0-9]*") == everything
    assert read(str(tmp_path / "web/*.txt*")) == everything
    assert read([str(shards[3]), "web/0[0-2]*"])[0] == [texts[3], *texts[:3]]
    shards[4].write_text("another text\n")
    assert read("web")[1] != everything[1]
    for files, message in {
        "web/*.parquet": "no such file",
        "../*.txt": "outside the project folder",
        "nowhere": "no such file",
    }.items():
        with pytest.raises(DataError, match=message):
            read(files)
    with pytest.raises(DataError, match=r"names web/00.txt twice; name each file once"):
        read(["web/00.txt", "web"])


def test_lines_with_their_ends_are_the_rows_of_the_hubs_wikitext(tmp_path: Path):
    """A raw file of WikiText; on the hub, a line of white space is an empty row."""
    path = tmp_path / "wiki.test.raw"
    path.write_text(" \n = Title = \n \n A sentence . \n", encoding="utf-8")
    dataset = local(
        path, {"type": "text", "document": "line_with_end"}, splits={**WHOLE, "paper": "train"}
    )
    rows = ["", " = Title = \n", "", " A sentence . \n"]
    assert list(documents(dataset, "paper")) == rows
    assert list(documents(dataset, "train")) == [row for row in rows if row]
    hub = json_lines(tmp_path, rows, splits=dataset.splits.model_dump(), detokenizer="wikitext")
    local_file = dataset.model_copy(update={"detokenizer": "wikitext"})
    tokens = [
        tokenize_split(one, "gpt2", "paper", tmp_path / f"{at}")["tokens_sha256"]
        for at, one in enumerate((hub, local_file))
    ]
    assert tokens[0] == tokens[1]


def test_a_long_text_that_a_small_file_repeats_is_unpacked_a_few_times_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 90, pa.int32()), ["a" * 100_000])
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"text": text}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 2000
    assert max(map(len, table_files._parquet(path, path, "text"))) == table_files.ROWS
    monkeypatch.setattr(table_files, "BATCH_BYTES", 350_000)
    assert max(map(len, table_files._parquet(path, path, "text"))) == 3
    assert [len(value) for _, value in table_files.column(path, "text")] == [100_000] * 90


def test_ids_are_rows_of_an_array_or_lists_in_json_lines(tmp_path: Path):
    np.save(tmp_path / "rows.npy", np.array([[1, 2], [3, 400]], dtype=np.uint16))
    np.save(tmp_path / "one.npy", np.arange(4))
    (tmp_path / "t.jsonl").write_text("".join(f"{json.dumps(ids)}\n" for ids in IDS))
    (tmp_path / "k.jsonl.gz").write_bytes(gzip.compress(b'{"notes": [5, 6]}\n'))
    form = {"type": "ids"}
    expected = {
        "rows.npy": ["1 2", "3 400"],
        "one.npy": ["0 1 2 3"],
        "t.jsonl": ["12 7 3", "0 388"],
    }
    for name, texts in expected.items():
        assert list(documents(local(tmp_path / name, form, splits=WHOLE), "train")) == texts
    keyed = local(tmp_path / "k.jsonl.gz", {**form, "field": "notes"}, splits=WHOLE)
    assert list(documents(keyed, "train")) == ["5 6"]


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.txt", "text")


def table(**columns: Any) -> Callable[[Path], None]:
    return lambda path: parquet.write_table(pa.table(columns), path)


def damaged(path: Path) -> None:
    written_arrow(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)


WRONG: list[tuple[str, dict[str, Any], bytes | Callable[[Path], Any], str]] = [
    ("t.txt", {"type": "text"}, KINDS["t.parquet"][1], "by its first bytes is parquet; set format.type: rows"),
    ("t.json", {"type": "json"}, zipped, "must be text, but by its first bytes is zip; convert it"),
    ("t.txt", {"type": "text"}, pickle.dumps(["text"]), "first bytes is pickle"),
    ("t.txt", {"type": "text"}, "text".encode("utf-16"), "first bytes is UTF-16"),
    ("t.csv", {"type": "csv"}, b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ("t.txt", {"type": "text"}, b"", "is empty; remove it"),
    ("t.jsonl.gz", {"type": "jsonl"}, gzip.compress(b""), "is empty; remove it"),
    ("t.txt.zst", {"type": "text"}, b"plain", "is not zstd, as its name says"),
    ("t.jsonl.zst", {"type": "jsonl"}, zstd(b'"a"\n' * 999)[:-5], "Truncated"),
    ("t.txt.zst", {"type": "text"}, zstd(bytes(10**7)), "line 1: has more than 1,000 characters"),
    ("t.parquet", {"type": "rows"}, b"plain text", "must be parquet or arrow, but by its first bytes is text"),
    ("t.parquet", {"type": "rows", "field": "x"}, table(id=[1], text=["a"]), "no column 'x'; its columns: 'id', 'text'"),
    ("t.parquet", {"type": "rows", "field": "id"}, table(id=[1], text=["a"]), "got int64; columns with text: 'text'"),
    ("t.parquet", {"type": "rows"}, table(text=["a", None]), "row 1: must be text, got NoneType"),
    ("t.parquet", {"type": "rows"}, b"PAR1" + b"junk" * 9, "damaged parquet"),
    ("t.arrow", {"type": "rows"}, damaged, "damaged arrow"),
    ("t.csv", {"type": "csv"}, b"id,words\n1,a\n", "no column 'text'; its columns: 'id', 'words'"),
    ("t.csv", {"type": "csv"}, b"id,text\n1,a\n2,b,c\n", "line 3: has 3 columns, the header has 2"),
    ("t.csv", {"type": "csv"}, b'id,text\n1,"a' + b"a\n" * 999, "not valid CSV: field larger than"),
    ("t.json", {"type": "json"}, b'{"a": "b"}\n{"a": "c"}\n', "set format.type: jsonl"),
    ("t.npy", {"type": "ids"}, lambda path: np.save(path, np.array([{}]), allow_pickle=True), "not an array of numbers"),
    ("t.npy", {"type": "ids"}, lambda path: np.save(path, np.zeros(3)), "must be an array of integers"),
    ("t.npy", {"type": "ids"}, lambda path: np.save(path, np.array([[1], [-1]])), "row 1: ids must be whole numbers"),
    ("t.jsonl", {"type": "ids"}, b"[1, 2]\n[3, 0.5]\n", "line 2: ids must be whole numbers from 0, got 0.5"),
    ("t.jsonl", {"type": "ids"}, b'{"ids": [1]}\n', "must be a list of ids, got dict; set format.field"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "form", "content", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_with_a_file_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    form: dict[str, Any],
    content: bytes | Callable[[Path], Any],
    message: str,
):
    monkeypatch.setattr(readers, "MAX_CHARACTERS", 1000)
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)
    with pytest.raises(DataError, match=rf"^[^\n]*{re.escape(message)}[^\n]*$"):
        list(read_documents(path, TypeAdapter(Format).validate_python(form)))
