"""Text that every sample keeps: a prefix, a suffix, and parts at any position.

L: number of tokens of a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sedd.config import AnyExperiment, text_length
from sedd.config.template import Blank, parse_template
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.objective.objective import Clamp
from sedd.registry import SAMPLERS


@dataclass(frozen=True)
class Prompt:
    """Token ids. parts: by the position of their first token, counted from 0.

    length: tokens of the text, for a template; None: as many as the settings say.
    """

    prefix: Sequence[int] = ()
    suffix: Sequence[int] = ()
    parts: Mapping[int, Sequence[int]] = field(default_factory=dict)
    length: int | None = None

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

    @classmethod
    def of_template(cls, tokenizer: Tokenizer, template: str, length: int) -> Prompt:
        """Tokenize a template, see `template`. The text is as long as the template.

        length: the most tokens of a text; a blank `[]` fills it.
        Raises DataError for a malformed template, and for one that is longer than a text.
        """
        pieces = [
            part if isinstance(part, Blank) else tokenizer.encode_fragment(part)
            for part in parse_template(template)
        ]
        sizes = [part.size if isinstance(part, Blank) else len(part) for part in pieces]
        num_given = sum(len(part) for part in pieces if not isinstance(part, Blank))
        total = sum(size or 0 for size in sizes)
        if total + (None in sizes) > length:
            raise DataError(
                f"the template has {num_given} tokens and blanks of {total - num_given} tokens, "
                f"but a text has at most {length}: shorten it, or raise sampling.length"
            )
        prefix: Sequence[int] = ()
        suffix: Sequence[int] = ()
        parts: dict[int, Sequence[int]] = {}
        position = 0
        for index, (part, size) in enumerate(zip(pieces, sizes, strict=True)):
            if isinstance(part, Blank):
                position += length - total if size is None else size
                continue
            if index == 0:
                prefix = part
            elif index == len(pieces) - 1:
                suffix = part
            else:
                parts[position] = part
            position += len(part)
        return cls(prefix, suffix, parts, position)

    def check_prefix_only(self) -> None:
        """Raise DataError unless the prompt is only a prefix: left-to-right models can keep nothing else."""
        if self.suffix or any(self.parts.values()):
            raise DataError(
                "an autoregressive model samples from left to right: it takes a prefix, but no "
                "suffix and no tokens in between; diffusion models take any"
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


@dataclass(frozen=True)
class Request:
    """Texts to draw: `count` of them around one prompt, from one seed."""

    prompt: Prompt
    count: int
    seed: int


def check_prompt(prompt: Prompt, experiment: AnyExperiment) -> None:
    """Raise DataError if a prompt leaves no token to draw, or if the model cannot keep it."""
    prompt.clamp(prompt.length or text_length(experiment))
    if SAMPLERS[experiment.sampling.sampler].left_to_right:
        prompt.check_prefix_only()


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
