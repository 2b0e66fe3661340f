"""The vocabulary of tokens, runs and samples, after the tokenizer's files have changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
import torch
from helpers.corpus import WORDS, tokenize_corpus
from helpers.project import invoke
from helpers.word_vocabulary import word_vocabulary

from sedd.config import load_experiment
from sedd.data.split_folder import split_folder
from sedd.errors import CheckpointError, DataError
from sedd.evaluate.grid import judge_file
from sedd.evaluate.judge import Judge
from sedd.paths import identity_file, kept_checkpoint_file, train_dir
from sedd.runtime.publish import hash_file
from sedd.sampling.sample_text import sample_text
from sedd.train import train

VOCABULARY = ["[UNK]", "[SEP]", *dict.fromkeys(WORDS)]
PERMUTED = [*VOCABULARY[:2], *reversed(VOCABULARY[2:])]
CHANGES = [
    "data.dataset=corpus",
    "data.tokenizer=words",
    "evaluation.datasets=[corpus]",
    "mauve.dataset=corpus",
    "training.steps=2",
    "training.checkpoint_every=2",
    "training.warmup_steps=1",
]


def vocabulary(*words: str) -> None:
    (Path("words") / "tokenizer.json").unlink(missing_ok=True)
    word_vocabulary(Path("words"), *words)


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run `small` in the vocabulary of the folder `words`."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    vocabulary(*VOCABULARY)
    tokenize_corpus("words")
    train(load_experiment("smoke_absorb", CHANGES, rename="small"))
    return "small"


def test_every_use_of_ids_with_text_is_refused_in_a_changed_vocabulary(run: str):
    checkpoint = f"results/runs/{run}/checkpoints/step_2.pt"
    Path("pairs.jsonl").write_text('{"context": "the", "continuation": "river"}\n')
    sample = ["sample", run, "--count", "1", "--steps", "2"]
    uses = [
        ["perplexity", run],
        sample,
        ["sample", checkpoint, "--count", "1", "--steps", "2"],
        ["score", run, "--file", "pairs.jsonl"],
        ["train", "smoke_absorb", *CHANGES, "--name", "other"],
        ["train", "smoke_absorb", *CHANGES, f"training.init={run}", "--name", "tuned"],
    ]
    for words in [
        sample,
        ["score", run, "--file", "pairs.jsonl"],
        ["perplexity", run],
    ]:  # the control
        invoke(*words)
    assert sample_text(_load(run), count=1, length=8, steps=1)
    invoke(*sample, "--out", "drawn.jsonl")
    vocabulary(*PERMUTED)
    for words in uses:
        refused = invoke(*words, check=False)
        assert (refused.returncode, "another vocabulary" in refused.stderr) == (2, True), words
    with pytest.raises(DataError, match="has another vocabulary than the model"):
        sample_text(_load(run), count=1, length=8, steps=1)
    drawn = Path("drawn.jsonl")
    with pytest.raises(DataError, match="drawn with another vocabulary"):
        judge_file(load_experiment(run), 2, cast(Judge, None), ("analytic", 2, "float64"), drawn)
    tokenize_corpus("words")  # new tokens do not fit the old weights either
    refused = invoke("perplexity", run, check=False)
    assert "trained with another vocabulary" in refused.stderr
    train(load_experiment("smoke_absorb", CHANGES, rename=run))  # trains from the beginning
    invoke("perplexity", run)


def _load(run: str):
    from sedd.checkpoints.load_model import load_model

    return load_model(run, "cpu")


def test_training_and_validation_share_a_vocabulary(run: str, monkeypatch: pytest.MonkeyPatch):
    meta = Path("results/data/corpus/words/validation/meta.json")
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "tokenizer_sha256": "0" * 64}))
    for name in ("words", "unknown"):  # also where today's vocabulary cannot be loaded
        Path("words").rename(name) if name == "unknown" else None
        with pytest.raises(DataError, match="validation: made with another vocabulary"):
            train(load_experiment("smoke_absorb", CHANGES, rename=run))


def test_another_vocabulary_with_the_same_tokens_does_not_resume_a_run(run: str):
    vocabulary(*VOCABULARY, "unused")
    tokenize_corpus("words")
    with pytest.raises(CheckpointError, match="was trained with another vocabulary"):
        train(load_experiment("smoke_absorb", CHANGES, rename=run))


def test_files_without_the_hash_are_of_an_unknown_vocabulary_and_stay_readable(run: str):
    path = kept_checkpoint_file(run, 2)
    content = torch.load(path, weights_only=True)
    del content["tokenizer_sha256"]
    for public in (path, Path(f"results/runs/{run}/checkpoints/step_2.pt")):
        torch.save(content, public)
        hash_file(public).unlink()
    record = json.loads(identity_file(run).read_text())
    del record["tokenizer_sha256"]
    identity_file(run).write_text(json.dumps(record))
    invoke("perplexity", run)
    train(load_experiment("smoke_absorb", CHANGES, rename=run))
    assert train_dir(run).is_dir()


def test_the_meta_of_another_split_is_refused(run: str):
    folder = Path("results/data/corpus/words")
    for file in ("tokens.bin", "meta.json"):
        (folder / "test" / file).write_bytes((folder / "train" / file).read_bytes())
    with pytest.raises(DataError, match=r"test: meta\.json describes dataset corpus, split train"):
        split_folder("corpus", "words", "test")
    tokenize_corpus("words")  # repairs it
    assert split_folder("corpus", "words", "test") == folder / "test"
