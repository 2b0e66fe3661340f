"""Text that every sample keeps: a prefix, a suffix, and parts at any position. L tokens of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.objective.objective import Clamp


@dataclass(frozen=True)
class Prompt:
    """Token ids. parts: by the position of their first token, counted from 0."""

    prefix: Sequence[int] = ()
    suffix: Sequence[int] = ()
    parts: Mapping[int, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def encode(
        cls,
        tokenizer: Tokenizer,
        prefix: str = "",
        suffix: str = "",
        parts: Mapping[int, str] | None = None,
    ) -> Prompt:
        """Tokenize the texts. White space at the ends of each is kept."""
        return cls(
            tokenizer.encode_fragment(prefix),
            tokenizer.encode_fragment(suffix),
            {position: tokenizer.encode_fragment(text) for position, text in (parts or {}).items()},
        )

    def clamp(self, length: int) -> Clamp | None:
        """Tokens and the mask of the positions that hold them, each (L,); None for an empty prompt.

        Raises DataError if a part reaches outside the text, if two overlap, or if no position is
        left to sample.
        """
        tokens, mask = torch.zeros(length, dtype=torch.long), torch.zeros(length, dtype=torch.bool)
        if len(self.prefix) + len(self.suffix) >= length:
            raise DataError(
                f"the prefix has {len(self.prefix)} tokens and the suffix {len(self.suffix)}: of the {length} tokens of a "
                "text none is left to draw; shorten them, or raise sampling.length"
            )
        _place(tokens, mask, 0, self.prefix)
        _place(tokens, mask, length - len(self.suffix), self.suffix)
        for position, part in self.parts.items():
            _place(tokens, mask, position, part)
        if bool(mask.all()):
            raise DataError(
                f"the prompt fills all {length} tokens of a text: none is left to draw; shorten it, or raise sampling.length"
            )
        return (tokens, mask) if bool(mask.any()) else None


def _place(tokens: Tensor, mask: Tensor, position: int, part: Sequence[int]) -> None:
    """Write a part into tokens and mask, in place."""
    end = position + len(part)
    if position < 0 or end > len(tokens):
        raise DataError(
            f"the part of {len(part)} tokens at position {position} reaches outside the {len(tokens)} tokens of a text"
        )
    if bool(mask[position:end].any()):
        raise DataError(f"the part of {len(part)} tokens at position {position} overlaps another")
    tokens[position:end] = torch.tensor(part, dtype=torch.long)
    mask[position:end] = True
