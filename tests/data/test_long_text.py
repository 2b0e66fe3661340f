"""Long documents: the same tokens, whatever their pieces, or one line."""

from __future__ import annotations

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from sedd.data import long_text
from sedd.data.encoding import Encoder
from sedd.data.tokenizers import FileTokenizer, load_tokenizer
from sedd.data.vocabularies import Vocabulary, content_sha256
from sedd.errors import DataError

# of Llama 3, without its case of contractions
SPLIT = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = [
    "the",
    "river",
    "don't",
    "they're",
    "1984",
    "12345",
    "café",
    "日本語",
    "Ελλάδα",
    "a.b",
    "--",
]
SPACES = [" ", " ", " ", "  ", "\n", "\n\n", "\t", " \n ", "\u00a0", "\r\n", ""]
TEXT = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=120).map(
    lambda parts: "".join(word + space for word, space in parts)
)


def made(pre_tokenizer, normalizer=None, kind: str = "bpe") -> FileTokenizer:
    """A vocabulary that was trained on WORDS."""
    special = ["[UNK]", "[SEP]"]
    if kind == "bpe":
        library = tokenizers.Tokenizer(models.BPE(unk_token="[UNK]"))
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    else:
        library = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
        trainer = trainers.WordPieceTrainer(
            vocab_size=120, special_tokens=special, show_progress=False
        )
    if pre_tokenizer is not None:
        library.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        library.normalizer = normalizer
    library.decoder = decoders.ByteLevel()
    library.train_from_iterator([" ".join(WORDS) * 9], trainer)
    return FileTokenizer("made", Vocabulary(library, content_sha256(library)))


@pytest.fixture(scope="module")
def vocabularies() -> dict[str, FileTokenizer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        gpt2 = load_tokenizer("gpt2")
    assert isinstance(gpt2, FileTokenizer)
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    llama = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    bert = normalizers.BertNormalizer(lowercase=True)
    return {
        "gpt2": gpt2,
        "llama": made(llama),
        "bert": made(pre_tokenizers.BertPreTokenizer(), bert, "wordpiece"),
        "words": made(pre_tokenizers.Whitespace(), normalizers.NFKC(), "wordpiece"),
        "metaspace": made(pre_tokenizers.Metaspace()),
        "whole": made(None),
    }


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "words", "metaspace"])
@settings(max_examples=40, deadline=None)
@given(text=TEXT)
def test_a_document_in_pieces_has_the_same_tokens(
    vocabularies: dict[str, FileTokenizer], name: str, text: str
):
    tokenizer = vocabularies[name]
    ids, normal = tokenizer.encode_batch([text, "short"]), tokenizer.normalize(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_text, "PIECE", 100)
        patch.setattr(long_text, "WINDOW", 20)
        try:
            pieces = list(long_text.pieces(text, tokenizer._tokenizer))
        except DataError:
            return  # refused rather than cut elsewhere
        assert "".join(pieces) == text
        assert max(map(len, pieces)) <= 100
        assert tokenizer.encode_batch([text, "short"]) == ids
        assert tokenizer.normalize(text) == normal


def test_ordinary_text_is_cut_in_every_vocabulary_that_splits_at_white_space(
    vocabularies: dict[str, FileTokenizer], monkeypatch: pytest.MonkeyPatch
):
    text = " ".join(WORDS * 40)
    whole = {name: Encoder(one, None)([text]) for name, one in vocabularies.items()}
    monkeypatch.setattr(long_text, "PIECE", 300)
    for name, tokenizer in vocabularies.items():
        if name == "whole":
            continue
        assert len(list(long_text.pieces(text, tokenizer._tokenizer))) > 5
        again = Encoder(tokenizer, None)([text])
        assert again.tokens.tolist() == whole[name].tokens.tolist()
        assert again.num_characters == whole[name].num_characters


def test_a_document_that_cannot_be_cut_is_one_line(
    vocabularies: dict[str, FileTokenizer], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(long_text, "PIECE", 300)
    for name, text in (("whole", "the river " * 100), ("gpt2", "x" * 301), ("gpt2", " " * 900)):
        with pytest.raises(DataError, match=r"^a document of [^\n]* is longer than 300,"):
            vocabularies[name].encode_batch(["short", text])


def test_a_token_that_spans_words_is_not_cut(monkeypatch: pytest.MonkeyPatch):
    tokenizer = made(pre_tokenizers.Whitespace(), kind="wordpiece")
    tokenizer._tokenizer.add_tokens(["the river"])
    text = "the river " * 99
    ids = tokenizer.encode_batch([text])
    assert len(set(ids[0])) == 1
    monkeypatch.setattr(long_text, "PIECE", 300)
    assert tokenizer.encode_batch([text]) == ids


@pytest.mark.parametrize("text", ["a\udcff", "\ud83d", "x" * 50 + "\udc80y"])
def test_bytes_that_are_no_utf_8_are_one_line(vocabularies: dict[str, FileTokenizer], text: str):
    for tokenizer in (*vocabularies.values(), load_tokenizer("text8")):
        with pytest.raises(DataError, match=r"^a text holds [^\n]*not UTF-8"):
            tokenizer.encode_batch(["fine", text])
        with pytest.raises(DataError, match="not UTF-8"):
            tokenizer.encode_fragment(text)
