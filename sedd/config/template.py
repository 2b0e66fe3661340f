"""Templates: given text with blanks, such as "The [20] of France".

`[20]` is a blank of 20 tokens, `[]` a blank that fills the rest of the text, and `[[` a bracket.
White space next to a blank is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sedd.errors import DataError

# `[[`, a blank, or a bracket that is neither
_BRACKET = re.compile(r"\[\[|\[([0-9]*)\]|\[")


@dataclass(frozen=True)
class Blank:
    """A blank of `size` tokens; None: as many as are left."""

    size: int | None


def parse_template(template: str) -> list[str | Blank]:
    """Texts and blanks of a template, in order.

    Raises DataError if a bracket is neither a blank nor `[[`, if a blank is empty, if there is no
    blank, or if there are two blanks `[]`.
    """
    parts: list[str | Blank] = []
    text, end = "", 0
    for match in _BRACKET.finditer(template):
        text += template[end : match.start()]
        end = match.end()
        if match[0] == "[[":
            text += "["
            continue
        if match[1] is None:
            raise DataError(
                f"the bracket at character {match.start() + 1} begins no blank: write [20] for 20 "
                "tokens, [] for the rest of the text, or [[ for a bracket"
            )
        if text:
            parts.append(text)
        size = int(match[1][:10]) if match[1] else None
        if size == 0:
            raise DataError("a blank of no tokens: write [1] or more, or leave it out")
        parts.append(Blank(size))
        text = ""
    if text := text + template[end:]:
        parts.append(text)
    blanks = [part for part in parts if isinstance(part, Blank)]
    if not blanks:
        raise DataError("has no blank, so that nothing is left to draw: write [20] for 20 tokens")
    if blanks.count(Blank(None)) > 1:
        raise DataError("has two blanks []; only one can fill the rest of the text: give a size")
    return parts
