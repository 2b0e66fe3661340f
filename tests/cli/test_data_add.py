"""`sedd data add`: a dataset from a user's own files, on which an experiment then trains."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pyarrow as pa
import pytest
from helpers.project import invoke
from helpers.text_examples import TEXTS
from pyarrow import parquet

from sedd.config import find_tokenizer, load_dataset
from sedd.data.sources import documents
from sedd.paths import checkpoint_file
from sedd.workflow import Build
from sedd.workflow.rules import rules


def added(name: str, *words: str) -> str:
    said = invoke("data", "add", name, *words).stdout
    assert f"wrote       config/datasets/{name}.yaml" in said
    for kind in ("dataset", "tokenizer"):
        for path in Path(f"config/{kind}s").glob(f"{name}.yaml"):
            assert path.read_text().startswith(
                f"# yaml-language-server: $schema=../schema/{kind}.json"
            )
    return said


def texts_of(name: str) -> list[str]:
    dataset = load_dataset(name)
    return sorted(
        {text for split in dataset.available_splits() for text in documents(dataset, split)}
    )


def test_shards_of_a_web_corpus_train_with_a_short_file(project: Path):
    Path("web").mkdir()
    for n in range(20):
        rows = {
            "url": [f"http://x/{n}/{i}" for i in range(15)],
            "text": TEXTS[n * 15 : n * 15 + 15],
        }
        parquet.write_table(pa.table(rows), f"web/part-{n:05}.parquet")
    shards = sorted(map(str, Path("web").iterdir()))
    said = added("web", *shards)
    assert "files       20 parquet files; rows, field 'text'" in said
    assert f"documents   300\ncharacters  {sum(map(len, TEXTS)):,}, " in said
    assert sum(text in said for text in TEXTS) == 3
    written = Path("config/datasets/web.yaml").read_text()
    assert len(written.splitlines()) <= 8
    assert 'files: {all: "web/*.parquet"}' in written
    assert texts_of("web") == sorted(TEXTS)
    job = SimpleNamespace(dataset="web", tokenizer="text8", split="train")
    # Snakemake and DVC tokenize again after an edit of a file
    assert rules()["tokenize"].inputs(Build(Path("config/smoke.yaml")), job) == shards
    settings = ("steps=2", "checkpoint_every=2", "batch_size=2", "warmup_steps=1", "log_every=1")
    changes = ["data.dataset=web", "data.length=32", *(f"training.{one}" for one in settings)]
    invoke("train", "smoke_absorb", *changes, "--name", "mine")
    assert checkpoint_file("mine", 2).exists()


def test_what_files_are_is_seen_from_their_content_and_names(project: Path):
    lines = "".join(f"{json.dumps({'id': n, 'body': text})}\n" for n, text in enumerate(TEXTS))
    Path("t.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    Path("lines.json").write_text(lines)
    Path("list.json").write_text(json.dumps(TEXTS))
    Path("t.csv").write_text("id;note\n" + "".join(f"{n};{t}\n" for n, t in enumerate(TEXTS)))
    Path("books").mkdir()
    for split, part in {"train": TEXTS[:200], "valid": TEXTS[200:250], "test": TEXTS[250:]}.items():
        Path(f"books/all.{split}.txt").write_text(
            "".join(f"{text[:9]}\n{text[9:]}\n\n" for text in part)
        )
    dictionary = {"train": TEXTS[:280], "test": TEXTS[280:]}
    datasets.DatasetDict(
        {split: datasets.Dataset.from_dict({"text": part}) for split, part in dictionary.items()}
    ).save_to_disk("saved")
    for name, path, kind in [
        ("a", "t.jsonl.gz", "1 jsonl file; jsonl, field 'body'"),
        ("b", "lines.json", "1 json file; jsonl, field 'body'"),
        ("c", "list.json", "1 json file; json"),
        ("d", "t.csv", "1 csv file; csv, field 'note', delimiter ';'"),
        ("e", "saved", "2 arrow files; rows, field 'text'"),
    ]:
        assert f"files       {kind}\n" in added(name, path)
        assert texts_of(name) == sorted(TEXTS)
    assert "splits      named, validation 'test', test 'test', train 'train'" in added(
        "e", "saved", "--force"
    )
    outside = Path("..", "elsewhere")  # told as such, whatever lies in it
    Path("saved/train").rename(outside)
    refused = invoke("data", "add", "g", str(outside), check=False)
    assert refused.returncode == 2
    assert "../elsewhere is outside the project folder" in refused.stderr
    assert "3 txt files; text, document 'paragraph'" in added("f", "books")
    assert texts_of("f") == sorted(f"{text[:9]}\n{text[9:]}" for text in TEXTS)
    assert load_dataset("f").available_splits() == ["train", "validation", "test"]


def test_a_tokenizer_that_suits_the_text_is_written_unless_one_is_at_hand(project: Path):
    Path("dna.txt").write_text("ACGT" * 30 + "\n" + "GATTACA" * 20 + "\n")
    np.save("notes.npy", np.array([[1, 2, 3], [9, 387, 9]]))
    Path("plain.txt").write_text("the river\nruns\n")
    Path("rich.txt").write_text("\n".join(TEXTS))
    assert "wrote       config/datasets/dna.yaml, config/tokenizers/dna.yaml" in added(
        "dna", "dna.txt"
    )
    assert "ids         6, 3 per document" in added("notes", "notes.npy")
    assert "suits       tokenizer text8, length 64" in added("plain", "plain.txt")
    added("rich", "rich.txt")
    kinds = {name: find_tokenizer(name) for name in ("dna", "notes", "plain", "rich")}
    assert (kinds["dna"].chars, kinds["notes"].ids, kinds["plain"]) == ("ACGT", 388, None)
    assert (kinds["rich"].train, kinds["rich"].dataset) == ("bpe", "rich")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["wiki", "t.txt"], "wiki.yaml: exists already; choose another name, or replace it with --force"),
        (["mine.1", "t.txt"], "must be letters, digits, _ and -; got 'mine.1'"),
        (["mine", "nowhere"], "nowhere: no such file in"),
        (["mine", "t.txt", "t.csv"], "files of several kinds: 1 of .txt, 1 of .csv"),
        (["mine", "t.csv", "--field", "c"], "has no field of text 'c'"),
        (["mine", "t.txt", "--document", "page"], "--document must be line, line_with_end"),
        (["mine", "t.zip"], "first bytes is zip"),
        (["mine", "t.txt"], "too few documents to divide into train and validation: 1;"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_is_refused_in_one_line(project: Path, words: list[str], message: str):
    Path("t.txt").write_text("one document\n")
    Path("t.csv").write_text("a,b\nx,yy\nz,ww\n")
    Path("t.zip").write_bytes(b"PK\x03\x04" + bytes(99))
    result = invoke("data", "add", *words, check=False)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())
    assert not Path("config/datasets/mine.yaml").exists()
