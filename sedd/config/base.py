"""Base class of all configuration models: frozen, strict, no unknown keys, with rules across keys.

A rule reads plain values rather than a finished model. It can therefore be checked in a file in
which other keys are invalid, so that all problems of a file are reported together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from sedd.runtime.json_text import json_text


@dataclass(frozen=True)
class Rule:
    """A condition that joins several keys.

    reads: dotted keys. A broken rule is reported at the first one.
    find:  takes the values of these keys; returns what is wrong and what is allowed, or None.

    The rule is skipped if one of the keys does not exist, e.g. graph.type without a graph.
    """

    reads: tuple[str, ...]
    find: Callable[..., str | None]

    def within(self, section: str) -> Rule:
        """The same rule for a model that holds this one under the key `section`."""
        return Rule(tuple(f"{section}.{key}" for key in self.reads), self.find)


class ConfigModel(BaseModel):
    """Base of every configuration model."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    foreign_keys: ClassVar[Mapping[str, str]] = {}
    """unknown keys that users of other programs may try, and what to do in place of each"""

    @model_validator(mode="after")
    def _check_rules(self) -> Self:
        """Raise one error for all broken rules; `yaml/validate.py` reports each at its own line."""
        if problems := [text for _, text in broken_rules(self.rules, self._value)]:
            raise PydanticCustomError("rules", "{text}", {"text": "; ".join(problems)})
        return self

    def _value(self, key: str) -> Any:
        value: Any = self
        for part in key.split("."):
            if part not in getattr(type(value), "model_fields", ()):  # or the section is null
                raise KeyError(key)
            value = getattr(value, part)
        return value

    def sections(self, *names: str) -> dict[str, Any]:
        """The named keys as plain JSON values; all keys if no name is given."""
        return self.model_dump(mode="json", include=set(names) or None)


def section_sha256(config: ConfigModel | Mapping[str, Any], *names: str) -> str:
    """SHA-256 of the named sections, or of all, as canonical JSON: sorted keys, no spaces."""
    values = config.sections(*names) if isinstance(config, ConfigModel) else dict(config)
    if names:
        values = {name: values[name] for name in names}
    text = json_text(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def broken_rules(
    rules: tuple[Rule, ...], value: Callable[[str], Any]
) -> list[tuple[tuple[str, ...], str]]:
    """Keys and message of each broken rule.

    value: maps a dotted key to its value; raises KeyError for a key without a valid value.
    """
    broken = []
    for rule in rules:
        try:
            text = rule.find(*[value(key) for key in rule.reads])
        except KeyError:
            continue
        if text is not None:
            broken.append((rule.reads, text))
    return broken
