"""Tokens of one vocabulary as those of another: separators stay separators."""

from __future__ import annotations

import pytest
from helpers.causal_model import LETTERS, letter_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from sedd.data.retokenize import retokenize
from sedd.data.tokenizers import Text8, Tokenizer, load_tokenizer


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("letters")
    letter_tokenizer(folder)
    return load_tokenizer(str(folder))


@pytest.fixture(scope="module")
def gpt2() -> Tokenizer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        return load_tokenizer("gpt2")


def test_an_end_of_text_is_one_token_for_every_vocabulary(gpt2: Tokenizer, letters: Tokenizer):
    ids = [*gpt2.encode_batch(["the river"])[0], gpt2.separator_id, *gpt2.encode_batch(["a"])[0]]
    spelled = gpt2.decode(ids)
    assert spelled == "the river<|endoftext|>a"
    (read,) = retokenize([ids], gpt2, letters, [spelled])
    assert read == [*letters.encode_batch(["the river"])[0], letters.separator_id, 1]
    assert retokenize([read], letters, gpt2) == [ids]
    assert len(gpt2.encode_batch(["<|endoftext|>"])[0]) == 7  # the control: read as text
    # a space is the separator of text8, and text
    assert retokenize([ids], gpt2, Text8()) == [[*Text8().encode_batch(["the river"])[0], 0, 1]]
    assert retokenize([[1, 0, 2]], Text8(), letters) == letters.encode_batch(["a b"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text("abc ", max_size=5), min_size=1, max_size=4), max_size=3))
def test_any_documents_keep_their_number(
    gpt2: Tokenizer, letters: Tokenizer, texts: list[list[str]]
):
    def joined(tokenizer: Tokenizer, documents: list[str]) -> list[int]:
        ids: list[int] = []
        for number, one in enumerate(tokenizer.encode_batch(documents)):
            ids += [tokenizer.separator_id] * (number > 0) + one
        return ids

    tokens = [joined(letters, documents) for documents in texts]
    wanted = [joined(gpt2, documents) for documents in texts]
    assert retokenize(tokens, letters, gpt2) == wanted
    assert LETTERS[letters.separator_id] == "<|endoftext|>"
