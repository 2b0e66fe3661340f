"""Types of single values that several configuration models use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

# A name is a file's stem and a folder: it has no separator, so no path leads out of its folder.
NAME_ALLOWED = "letters, digits and _ . - (a letter or digit first, at most 100)"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
TOKENIZER_NAME = re.compile(r"[A-Za-z0-9_./-]{1,200}")


def named_once(names: Sequence[object]) -> str | None:
    """Rule for lists: no entry twice."""
    texts = [str(name) for name in names]
    twice = sorted({text for text in texts if texts.count(text) > 1})
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
    # the folder of a tokenizer's tokens spells a slash as --
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
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
TimeEps = Annotated[float, Field(gt=0, lt=1)]
Split = Literal["train", "validation", "test"]
DrawPrecision = Literal["float64", "float32"]
