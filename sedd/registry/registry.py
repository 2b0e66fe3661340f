"""A registry: names in order, each with facts and the code that implements it."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True, kw_only=True)
class Info:
    """Facts about one registered name. Subclasses add the facts of their kind."""

    description: str
    """one line, for help texts and the reference of the configuration"""
    implementation: str
    """class or function as "module:attribute", imported by `load` only"""

    def load(self) -> Any:
        """Import the implementation. Raises ImportError or AttributeError if it does not exist."""
        return pkgutil.resolve_name(self.implementation)


InfoT = TypeVar("InfoT", bound=Info)


class UnknownNameError(KeyError):
    """A name that is not registered. The message lists the registered names."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError quotes its message


class Registry(Mapping[str, InfoT]):
    """Read-only mapping from a name to its facts, in the order of registration.

    kind: what the names are, for messages, e.g. "sampler".
    """

    def __init__(self, kind: str, infos: Mapping[str, InfoT]):
        self.kind = kind
        self._infos = dict(infos)

    def __getitem__(self, name: str) -> InfoT:
        """Raises UnknownNameError."""
        if name not in self._infos:
            raise UnknownNameError(f"unknown {self.kind} {name!r}; known: {', '.join(self)}")
        return self._infos[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)

    def names(self, **facts: bool) -> list[str]:
        """Names with all of these facts, e.g. `names(needs_mask=False)`; without arguments all
        names.
        """
        return [
            name
            for name, info in self.items()
            if all(getattr(info, fact) == value for fact, value in facts.items())
        ]

    def add(self, name: str, info: InfoT) -> None:
        """Register a name. Raises ValueError if it is already registered."""
        if name in self:
            raise ValueError(f"the {self.kind} {name!r} is already registered; remove it first")
        self._infos[name] = info

    def remove(self, name: str) -> None:
        """Undo `add`. Raises UnknownNameError."""
        self[name]
        del self._infos[name]
