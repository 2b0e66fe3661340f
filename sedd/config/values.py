"""Types of single values that several configuration models use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MIN_TEMPERATURE = 1e-6
# A name is a file's stem and a folder; `sedd.paths.part` checks all of them again.
NAME_ALLOWED = "letters, digits and _ . - (a letter or digit first, at most 100)"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
# names of pages of all runs, which the page of a run would replace
RESERVED = ("index", "compare")
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
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


def tokenizer_problem(value: str) -> str | None:
    """What is wrong with the name of a tokenizer; None for a valid one."""
    steps_up = set(value.split("/")) & {".", ".."}
    # the folder of a tokenizer's tokens spells a slash as --
    if TOKENIZER_NAME.fullmatch(value) and not steps_up and "--" not in value:
        return None
    return "must be gpt2, text8, a hub id or a folder: letters, digits, _ . / - but no .. or --"


def _tokenizer_name(value: str) -> str:
    if (what := tokenizer_problem(value)) is not None:
        raise PydanticCustomError("name", "{what}", {"what": what})
    return value


def _temperature(value: float) -> float:
    # logits divided by less overflow
    if 0 < value < MIN_TEMPERATURE:
        raise PydanticCustomError("temperature", "must be 0 or at least 0.000001")
    return value


Name = Annotated[str, AfterValidator(_name)]
DatasetName = Annotated[str, AfterValidator(_dataset_name)]
TokenizerName = Annotated[str, AfterValidator(_tokenizer_name)]
# YAML has lists only; a frozen model holds tuples
Names = Annotated[tuple[Name, ...], Field(strict=False)]
DatasetNames = Annotated[tuple[DatasetName, ...], Field(strict=False)]

Text = Annotated[str, Field(min_length=1)]
# the characters of RFC 3986: no address ends the markup around it, or runs a script
WebAddress = Annotated[str, Field(pattern=r"^https?://[!#-;=?-\[\]_a-z~]+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Bounds of all numbers, far above any use: beyond them a program hangs or asks for all memory.
MAX_COUNT = 10_000_000
MAX_STEPS = 1_000_000_000  # of a training
MAX_THREADS = 1024  # threads or processes on one machine; a library that cannot start them aborts
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
ThreadCount = Annotated[int, Field(ge=1, le=MAX_THREADS)]
StepCount = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Temperature = Annotated[float, Field(ge=0, le=1e6), AfterValidator(_temperature)]
Fraction = Annotated[float, Field(ge=0, le=1)]
TimeEps = Annotated[float, Field(gt=0, lt=1)]
Split = Literal["train", "validation", "test"]
DrawPrecision = Literal["float64", "float32"]
