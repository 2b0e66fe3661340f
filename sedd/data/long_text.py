"""Long documents in pieces, which a tokenizer encodes one by one to the same tokens.

A tokenizer of the library needs a hundred times the size of a text: one document of 200 MB would
end the process. A document is cut before white space, where the tokenizer splits it anyway: no token
spans the cut, and both sides have the tokens that they have within the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import tokenizers

from sedd.errors import DataError

PIECE = 1 << 20
"""Characters of a piece, at most. A shorter document is never cut."""
WINDOW = 256
"""Characters on each side of a cut, which show whether the tokenizer splits there."""

# a single character of white space, so that both sides keep how they treat runs of it
_CUT = re.compile(r"(?<=\S)\s(?=\S)")
_TRIES = 64


def pieces(text: str, tokenizer: tokenizers.Tokenizer) -> Iterator[str]:
    """The text in pieces of at most PIECE characters.

    Raises DataError if a longer text has no place to cut.
    """
    start = 0
    while len(text) - start > PIECE:
        end = _cut(text, start, start + PIECE, tokenizer)
        yield text[start:end]
        start = end
    yield text[start:]


def _cut(text: str, start: int, limit: int, tokenizer: tokenizers.Tokenizer) -> int:
    """The last of a few places before `limit` where the text can be cut."""
    span = WINDOW
    while span < limit - start:
        found = [match.start() for match in _CUT.finditer(text, limit - span, limit)][-_TRIES:]
        for place in reversed(found):
            if splits_at(text, place, tokenizer):
                return place
        if len(found) == _TRIES:
            break
        span *= 4
    if splits_at(text, limit, tokenizer):
        return limit  # a token for each character: any place will do
    raise DataError(
        f"a document of {len(text):,} characters (it begins {text[:40]!r}) is longer than {PIECE:,}, "
        "and its tokenizer splits it at no white space; split it into shorter documents, or choose "
        "another tokenizer"
    )


def splits_at(text: str, place: int, tokenizer: tokenizers.Tokenizer) -> bool:
    """Whether the tokenizer treats both sides of a place as it treats them together."""
    if tokenizer.pre_tokenizer is None:
        return False  # tokens may be as long as the text

    def ids(part: str) -> list[int]:
        return tokenizer.encode(part, add_special_tokens=False).ids

    left, right = text[max(0, place - WINDOW) : place], text[place : place + WINDOW]
    if ids(left + right) != ids(left) + ids(right):
        return False
    if tokenizer.normalizer is not None:
        normalize = tokenizer.normalizer.normalize_str
        if normalize(left + right) != normalize(left) + normalize(right):
            return False
        left, right = normalize(left), normalize(right)
    split = tokenizer.pre_tokenizer.pre_tokenize_str
    parts = [part for part, _ in (*split(left), *split(right))]
    return [part for part, _ in split(left + right)] == parts
