"""What all configuration models share: frozen, no unknown key, no silent change of a value's type.

A model may name rules, contradictions between its values. A rule sees plain values, so that it can
be applied to a file in which other keys are wrong, and everything can be mended in one go.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# A name is a file's stem and a folder: no separator, so that no path made of it leaves its folder.
NAME_ALLOWED = "letters, digits and _ . - (a letter or digit first, at most 100)"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
TOKENIZER_NAME = re.compile(r"[A-Za-z0-9_./-]{1,200}")


@dataclass(frozen=True)
class Rule:
    """A contradiction between values.

    reads: dotted keys, the first of which the problem is told at.
    find: takes their values and says what is wrong and what is allowed, or None if all is well.
    """

    reads: tuple[str, ...]
    find: Callable[..., str | None]

    def within(self, section: str) -> Rule:
        """The same rule for a model that holds this one's as its key `section`."""
        return Rule(tuple(f"{section}.{key}" for key in self.reads), self.find)


class Settings(BaseModel):
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

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        """For an object made in any way; the reader of a file tells each rule at its own line."""
        if problems := [text for _, text in broken_rules(self.rules, self._value)]:
            raise PydanticCustomError("rules", "{text}", {"text": "; ".join(problems)})
        return self

    def _value(self, key: str) -> Any:
        value: Any = self
        for part in key.split("."):
            if part not in getattr(type(value), "model_fields", ()):  # or of a section that is null
                raise KeyError(key)
            value = getattr(value, part)
        return value

    def sections(self, *names: str) -> dict[str, Any]:
        """The named keys as plain JSON values; all of them if none is named."""
        return self.model_dump(mode="json", include=set(names) or None)


def section_sha256(settings: Settings | Mapping[str, Any], *names: str) -> str:
    """SHA-256 of the named sections, or of all, as canonical JSON: keys sorted, no spaces."""
    values = settings.sections(*names) if isinstance(settings, Settings) else dict(settings)
    if names:
        values = {name: values[name] for name in names}
    text = json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def broken_rules(
    rules: tuple[Rule, ...], value: Callable[[str], Any]
) -> list[tuple[tuple[str, ...], str]]:
    """The keys and the message of each rule that is broken.

    value: from a dotted key to its value; a KeyError, if none can be judged, leaves the rule out.
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


def named_once(names: Sequence[str]) -> str | None:
    """A rule for lists of names."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    return f"must name each once; got {', '.join(twice)} twice" if twice else None


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise PydanticCustomError("name", f"must be {NAME_ALLOWED}")
    return value


def _dataset_name(value: str) -> str:
    if not DATASET_NAME.fullmatch(value):
        raise PydanticCustomError("name", f"must be {NAME_ALLOWED.replace(' .', '')}")
    return value


def _tokenizer_name(value: str) -> str:
    steps_up = set(value.split("/")) & {".", ".."}
    # a folder of tokens spells a slash as --
    if not TOKENIZER_NAME.fullmatch(value) or steps_up or "--" in value:
        raise PydanticCustomError(
            "name",
            "must be gpt2, text8, a hub id or a folder: letters, digits, _ . / - but no .. or --",
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
DatasetName = Annotated[str, AfterValidator(_dataset_name)]
TokenizerName = Annotated[str, AfterValidator(_tokenizer_name)]
# YAML has lists only; a frozen model holds tuples
Names = Annotated[tuple[Name, ...], Field(strict=False)]
DatasetNames = Annotated[tuple[DatasetName, ...], Field(strict=False)]
Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
