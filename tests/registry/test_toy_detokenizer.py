"""A detokenizer registered from outside the package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from sedd.config.choices import DetokenizerName
from sedd.data.encoding import Encoder
from sedd.data.tokenizers import load_tokenizer
from sedd.registry import DETOKENIZERS, DetokenizerInfo


@pytest.fixture
def lower() -> Iterator[str]:
    DETOKENIZERS.add(
        "lower", DetokenizerInfo(description="lower case", implementation="builtins:str.lower")
    )
    yield "lower"
    DETOKENIZERS.remove("lower")


def test_a_registered_detokenizer_is_allowed_and_applied(lower: str) -> None:
    assert TypeAdapter(DetokenizerName).validate_python(lower) == lower
    tokenizer = load_tokenizer("gpt2")
    encoded = Encoder(tokenizer, lower)(["SOME Words"])
    assert tokenizer.decode(encoded.tokens[:-1].tolist()) == "some words"


def test_an_unregistered_detokenizer_is_refused() -> None:
    with pytest.raises(ValidationError, match="'lambada'"):
        TypeAdapter(DetokenizerName).validate_python("lower")
