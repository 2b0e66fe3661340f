"""Texts that UTF-8 cannot write: half of a surrogate pair, which JSON can contain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sedd.errors import DataError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def replace_lone_surrogates(text: str) -> str:
    """Replace each half of a surrogate pair, which JSON can contain; UTF-8 and tokenizers reject it."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def require_characters(texts: Iterable[str]) -> None:
    """Raise DataError for half of a surrogate pair: Python's sign for a byte that is not UTF-8."""
    for text in texts:
        if not text.isascii() and (found := _LONE_SURROGATE.search(text)):
            shown = text[max(0, found.start() - 20) : found.start()]
            raise DataError(
                f"a text holds half of a surrogate pair, or a byte that is not UTF-8, after {shown!r}; "
                "write the text in UTF-8"
            )
