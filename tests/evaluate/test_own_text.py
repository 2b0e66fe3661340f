"""`sedd perplexity --file`: a user's own texts, packed or document by document."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.project import invoke
from helpers.untrained_run import untrained_run

import sedd
from sedd.checkpoints.open import open_language_model
from sedd.config import load_experiment, with_changes
from sedd.data.text_files import Document
from sedd.errors import DataError
from sedd.evaluate import measure
from sedd.evaluate.own_text import encode_texts, files_name, measure_own_text
from sedd.paths import evaluation_dir
from sedd.results.own_text import OwnTextResult
from sedd.results.record import Record
from sedd.results.standard_error import ratio_error

LINES = ["the old town", "lies on its bank", "!?", "x" * 80]


def documents(lines: list[str]) -> list[Document]:
    return [Document("my.txt", number, line) for number, line in enumerate(lines, start=1)]


@pytest.mark.usefixtures("project")
def test_each_document_has_its_own_likelihood():
    untrained_run("smoke_autoregressive")
    Path("my.txt").write_text("\n\n".join(LINES))
    said = invoke("perplexity", "smoke_autoregressive", "--file", "my.txt", "--per-document").stdout
    folder = evaluation_dir("smoke_autoregressive", 7) / "texts"
    assert said.startswith(f"{folder}/my.json, {folder}/my.jsonl, {folder}/my.csv: perplexity ")
    lines = [json.loads(line) for line in (folder / "my.jsonl").read_text().splitlines()]
    model = sedd.open_model("smoke_autoregressive", device="cpu")
    parts = [*LINES[:3], "x" * 32, "x" * 32, "x" * 16]
    nats = model.nll(parts)
    expected = [*nats[:3], sum(nats[3:])]
    assert [line["nats"] for line in lines] == pytest.approx(expected, rel=1e-6)
    assert [line["text"] for line in lines] == LINES
    assert [line["tokens"] for line in lines] == [12, 16, 0, 80]
    assert [line["windows"] for line in lines] == [1, 1, 0, 3]
    assert [line["line"] for line in lines] == [1, 3, 5, 7]
    assert {line["standard_error"] for line in lines} == {0}
    with (folder / "my.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["nats"]) for row in rows] == [line["nats"] for line in lines]
    assert "text" not in rows[0]
    result = OwnTextResult.model_validate_json((folder / "my.json").read_text())
    assert result.nats_per_token == pytest.approx(sum(expected) / 108)
    assert (result.num_documents, result.num_split, result.num_tokens) == (4, 1, 108)
    assert not result.bound
    assert not list(folder.glob(".*"))


@pytest.mark.usefixtures("project")
def test_a_bound_has_a_standard_error_for_each_document():
    untrained_run("smoke_absorb")
    content = "".join(json.dumps({"text": line}) + "\n" for line in LINES)
    Path("my.jsonl").write_text(content)
    words = ["perplexity", "smoke_absorb", "--file", "my.jsonl", "--per-document", "--out", "here"]
    said = invoke(*words).stdout
    assert said.startswith("here.json, here.jsonl, here.csv: perplexity <= ")
    lines = [json.loads(line) for line in Path("here.jsonl").read_text().splitlines()]
    assert [line["standard_error"] > 0 for line in lines] == [True, True, False, True]
    result = json.loads(Path("here.json").read_text())
    assert (result["bound"], result["num_draws"]) == (True, 2)
    before = Path("here.jsonl").read_bytes()
    invoke(*words)
    assert Path("here.jsonl").read_bytes() == before


def test_packed_documents_are_those_of_a_dataset(corpus):
    """The same tokens as the dataset, and the last, shorter sequence as well."""
    untrained_run("smoke_autoregressive")
    experiment = with_changes(
        load_experiment("smoke_autoregressive"), {"evaluation.max_sequences": None}
    )
    model = open_language_model(experiment, device="cpu")
    data = experiment.data.model_copy(update={"dataset": "corpus"})  # for the unigram baseline
    model = replace(model, experiment=experiment.model_copy(update={"data": data}))
    lines = Path("corpus.txt").read_text().splitlines()
    text = encode_texts(experiment, documents(lines), per_document=False)
    rows = np.fromfile("results/data/corpus/text8/test/tokens.bin", dtype=np.uint16)
    assert {len(tokens) for tokens in text.sequences[:-1]} == {32}
    tokens = [token for sequence in text.sequences for token in sequence]
    in_test = bytes(rows[:200].tolist())
    assert in_test[:100] in bytes(tokens)  # a split holds whole documents
    result, scores = measure_own_text(model, text, Path("x.json"))
    assert scores == []
    assert result.num_tokens == result.num_characters == len(tokens)
    assert result.num_sequences == math.ceil(len(tokens) / 32)

    # as measured on the dataset, for the same sequences
    of_dataset = measure(model, "corpus")
    whole = [tokens.tolist() for tokens in rows[: len(rows) // 32 * 32].reshape(-1, 32)]
    same = type(text)(documents(lines), whole, None, [of_dataset.num_characters])
    again, _ = measure_own_text(model, same, Path("x.json"))
    for key in ("perplexity", "standard_error", "bits_per_character"):
        assert getattr(again, key) == pytest.approx(getattr(of_dataset, key), rel=1e-5)
    assert again.summary() == of_dataset.summary()
    groups = len(of_dataset.group_nats_per_token)
    assert groups == min(10, of_dataset.num_sequences)
    assert np.mean(again.group_nats_per_token) == pytest.approx(
        np.mean(of_dataset.group_nats_per_token), rel=1e-5
    )

    # one sequence, packed or by itself, has no error
    for counts in (None, [1]):
        one, _ = measure_own_text(
            model, type(text)(documents(lines[:1]), whole[:1], counts, [32]), Path("y.json")
        )
        assert one.standard_error is one.bits_per_character_standard_error is None
        assert "±" not in one.summary()


@pytest.mark.usefixtures("project")
def test_a_causal_model_scores_documents_by_its_law():
    pytest.importorskip("transformers")
    law = torch.log_softmax(torch.linspace(2, -3, len(LETTERS)), 0).tolist()
    model = open_language_model(causal_model(Path("models/known"), law), device="cpu")
    experiment = model.experiment.model_copy(
        update={"data": model.experiment.data.model_copy(update={"tokenizer": "models/known"})}
    )
    text = encode_texts(experiment, documents(["abc", "the old town " * 4]), per_document=True)
    _, (first, second) = measure_own_text(model, text, Path("x.json"))
    assert first.nats == pytest.approx(-sum(law[1:4]), rel=1e-5)
    assert (second.tokens, second.windows) == (52, 2)
    tokens = [token for sequence in text.sequences[1:] for token in sequence]
    assert second.nats == pytest.approx(-sum(law[token] for token in tokens), rel=1e-5)


def test_the_error_of_unequal_documents_is_that_of_a_ratio():
    """Against the spread of the ratio over many sets of documents."""
    draws = np.random.default_rng(0)
    tokens = draws.integers(5, 50, (4000, 60)).astype(float)
    nats = tokens * 2 + draws.normal(0, 3, tokens.shape) * np.sqrt(tokens)
    errors = [ratio_error(n, t) for n, t in zip(nats, tokens, strict=True)]
    assert np.mean(errors) == pytest.approx(np.std(nats.sum(1) / tokens.sum(1)), rel=0.05)


@pytest.mark.usefixtures("project")
def test_standard_input_is_measured(monkeypatch):
    untrained_run("smoke_autoregressive")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"the old town\n")))
    said = invoke("perplexity", "smoke_autoregressive", "--file", "-").stdout
    assert "/texts/stdin.json: perplexity " in said


@pytest.mark.usefixtures("project")
def test_bad_input_is_told_before_a_model_is_opened():
    Path("empty.txt").write_text("\n")
    Path("signs.txt").write_text("!?\n")
    Path("bad.jsonl").write_text('{"text": "a"}\n{"text"\n')
    for file, message in (
        ("empty.txt", "empty.txt: holds no text"),
        ("bad.jsonl", "line 2: not valid JSON"),
        ("none.txt", "none.txt: cannot be read: No such file"),
        ("signs.txt", "no document has a token in the vocabulary 'text8'"),
    ):
        result = invoke("perplexity", "smoke_absorb", "--file", file, check=False)
        assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    for words in (["--per-document"], ["--file", "a.txt", "--dataset", "wiki"]):
        assert invoke("perplexity", "smoke_absorb", *words, check=False).returncode == 2
    with pytest.raises(DataError, match="no document has a token"):
        encode_texts(load_experiment("smoke_absorb"), documents(["?"]), per_document=True)


def test_the_name_of_a_result_comes_from_the_files():
    assert files_name(["a/my text.txt", "b.jsonl", "-"]) == "my-text+b+stdin"


@pytest.mark.usefixtures("project")
def test_a_killed_measurement_resumes(monkeypatch):
    """Finished documents of an earlier call are read, and the result is the same."""
    untrained_run("smoke_absorb")
    Path("my.txt").write_text("\n".join(LINES))
    words = ["perplexity", "smoke_absorb", "--file", "my.txt", "--per-document", "--out"]
    invoke(*words, "a")

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Record, "write", killed)  # after everything is measured
        with pytest.raises(Killed):
            invoke(*words, "b")
    (kept,) = Path(".b.parts").glob("*/*.jsonl")
    assert len(kept.read_text().splitlines()) == 5
    invoke(*words, "b")
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()
    assert not Path(".b.parts").exists()
