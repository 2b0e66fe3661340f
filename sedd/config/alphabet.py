"""The symbols of the texts that a declared vocabulary can write."""

from __future__ import annotations

from dataclasses import dataclass

from sedd.config.tokenizer import TokenizerConfig
from sedd.errors import DataError

SHOWN = 10


@dataclass(frozen=True)
class Alphabet:
    """The symbols of the texts that a vocabulary can write; each is a token.

    tokenizer: its name. key: of its file that declares them.
    spaced: symbols are separated by white space; False: each is one character.
    """

    tokenizer: str
    key: str
    symbols: frozenset[str]
    spaced: bool

    def split(self, text: str) -> list[str]:
        """The symbols of a text, also those that are not of the alphabet."""
        return text.split() if self.spaced else list(text)

    def problem(self, text: str) -> str | None:
        """Which symbols of a text are not of the alphabet, and what to do; None if all are."""
        other = sorted(set(self.split(text)) - self.symbols)
        if not other:
            return None
        shown = ", ".join(map(repr, other[:SHOWN])) + (", ..." if len(other) > SHOWN else "")
        declared = f"0 to {len(self.symbols) - 1}" if self.spaced else f"{len(self.symbols)}"
        return (
            f"has {shown}, which is none of its symbols ({declared}); the text begins {text[:40]!r}. "
            f"Add what is missing to `{self.key}` in config/tokenizers/{self.tokenizer}.yaml, or "
            "clean the text"
        )

    def require(self, text: str) -> None:
        """Raise DataError if a text has another symbol."""
        if problem := self.problem(text):
            raise DataError(f"tokenizer {self.tokenizer!r}: a text {problem}")


def alphabet_of(config: TokenizerConfig) -> Alphabet | None:
    """The alphabet of `chars` or `ids`; None for a vocabulary that declares none."""
    if config.chars is not None:
        return Alphabet(config.name, "chars", frozenset(config.chars), spaced=False)
    if config.ids is not None:
        return Alphabet(config.name, "ids", frozenset(map(str, range(config.ids))), spaced=True)
    return None
