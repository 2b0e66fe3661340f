"""Vocabularies that are learned from a dataset."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from helpers.corpus import WORDS, tokenize_corpus
from helpers.project import invoke
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sedd.config import find_tokenizer
from sedd.data.learned import learn_vocabulary
from sedd.data.token_folder import read_meta
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.paths import tokens_dir, vocabulary_dir

KINDS = ("bpe", "unigram", "char")
FILES = ("tokenizer.json", "meta.json")


def declare(name: str, text: str) -> str:
    path = Path("config/tokenizers", f"{name}.yaml")
    path.write_text(f"description: for a test\n{text}\n")
    return name


def learn(kind: str, dataset: str = "corpus", size: int = 290) -> str:
    """Declare a vocabulary, and learn it."""
    name = declare(kind, f"train: {kind}\nsize: {size}\ndataset: {dataset}")
    config = find_tokenizer(name)
    assert config is not None
    learn_vocabulary(config, force=True)
    return name


def files(name: str) -> list[bytes]:
    return [(vocabulary_dir(name) / file).read_bytes() for file in FILES]


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_is_learned_twice_with_the_same_bytes(corpus: Path, kind: str):
    first = files(learn(kind))
    os.utime("corpus.txt")
    assert files(learn(kind)) == first
    assert files(learn(kind, size=280)) != first


def test_only_the_training_split_is_read(project: Path):
    for split, words in (("train", "abab abab"), ("validation", "zqzq zqzq"), ("test", "xyxy")):
        Path(f"{split}.txt").write_text(f"{words} {words}\n" * 50)
    Path("config/datasets/parts.yaml").write_text(
        "description: for a test\nlicence: none\nformat: {type: text}\n"
        "source: {type: file, files: {a: train.txt, b: validation.txt, c: test.txt}}\n"
        "splits: {type: named, train: a, validation: b, test: c}\n"
    )
    for kind in KINDS:
        tokenizer = load_tokenizer(learn(kind, "parts"))
        lengths = [len(ids) for ids in tokenizer.encode_batch(["abab", "zqzq", "xyxy"])]
        assert lengths[1:] == [4, 4]
        assert lengths[0] == 1 or kind != "bpe"
    tokens = json.loads(files("char")[0])["model"]["vocab"]
    assert {"a", "b", " "} <= tokens.keys()
    assert not {"z", "q", "x", "y"} & tokens.keys()


@pytest.fixture(scope="module", params=KINDS)
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    from helpers.project import copy_project

    folder = copy_project(tmp_path_factory.mktemp("learned") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        tokenize_corpus()
        yield load_tokenizer(learn(request.param))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_a_learned_vocabulary_writes_every_text(learned, text: str):
    (ids,) = learned.encode_batch([text])
    assert learned.decode(ids) == text
    assert learned.separator_id not in ids
    assert all(0 <= one < learned.vocab_size for one in ids)
    assert learned.separator_text == ""


def test_characters_count_the_same_in_every_vocabulary(corpus: Path):
    """So bits per character are comparable: nats of a text, divided by the same number."""
    characters = set()
    tokens = []
    for name in (*map(learn, KINDS), "bytes", "gpt2"):
        tokenize_corpus(name)
        meta = read_meta(tokens_dir("corpus", name, "test"))
        characters.add(meta["num_characters"])
        tokens.append(meta["num_tokens"])
    assert len(characters) == 1
    assert len(set(tokens)) > 2


def test_an_edited_vocabulary_is_refused_until_it_is_learned_again(corpus: Path):
    learn("bpe")
    tokenize_corpus("bpe")
    declare("bpe", "train: bpe\nsize: 270\ndataset: corpus")
    with pytest.raises(DataError, match=r"size 290 -> 270.*sedd vocabulary bpe"):
        load_tokenizer("bpe")
    said = invoke("tokenize", "--dataset", "corpus", "--tokenizer", "bpe").stdout
    assert "tokens" in said
    assert load_tokenizer("bpe").vocab_size == 270
    assert "270 tokens" in invoke("vocabulary", "bpe").stdout
