"""Describe pydantic's errors: what was found, what is allowed, what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from sedd.config.choices import one_of
from sedd.config.yaml.fields import tags

LIMITS = ("gt", "ge", "lt", "le")

EXPECTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_unicode": "must be text without lone surrogates",
    "tuple_type": "must be a list, such as [a, b]",
    "list_type": "must be a list, such as [a, b]",
    "dict_type": "must be a mapping, lines of `key: value`",
    "model_type": "must be a mapping, lines of `key: value`",
    "model_attributes_type": "must be a mapping, lines of `key: value`",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
}


def describe(details: ErrorDetails, owner: type[BaseModel] | None, annotation: Any) -> str:
    """Message of one error.

    owner: model that has the key.      annotation: annotation of the key.
    """
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    key = str(details["loc"][-1]) if details["loc"] else ""
    match kind:
        case "extra_forbidden":
            allowed = list(owner.model_fields) if owner is not None else []
            return f"unknown key; {guess_or_list(key, allowed)}"
        case "missing":
            field = owner.model_fields.get(key) if owner is not None else None
            meaning = field.description if field is not None else None
            return f"missing; give {' '.join(meaning.split())}" if meaning else "missing"
        case "union_tag_not_found":
            tag = context["discriminator"].strip("'")
            return f"missing; give {one_of(tags(annotation, tag))}"
        case "union_tag_invalid":
            allowed = tags(annotation, context["discriminator"].strip("'"))
            return must_be_one_of(allowed, context["tag"])
        case "literal_error":
            allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return must_be_one_of(allowed, value)
        case "too_short":
            return "must not be empty"
        case _ if kind in EXPECTED:
            limits = {name: f"{limit:.12g}" for name, limit in context.items() if name in LIMITS}
            return EXPECTED[kind].format(**{**context, **limits}) + _got(value) + _hint(kind, value)
        case _:
            got = _got(value) if isinstance(value, str | int | float) else ""
            return details["msg"].removeprefix("Value error, ") + got


def must_be_one_of(allowed: list[str], value: Any) -> str:
    """Message for a value that is not among the allowed ones."""
    guess = near_names(value, allowed) if isinstance(value, str) else ""
    return f"must be {one_of(allowed)}{_got(value)}{guess}"


def near_names(word: str, allowed: list[str]) -> str:
    """`; did you mean 'x'?` for the end of a message; empty if no allowed word is similar."""
    near = difflib.get_close_matches(word, allowed, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def guess_or_list(word: str, allowed: list[str]) -> str:
    """`did you mean 'x'?`, or a list of all allowed words if none is similar."""
    near = difflib.get_close_matches(word, allowed, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"allowed: {', '.join(allowed)}" if allowed else "none exists"


def spell(value: Any) -> str:
    """Spelling of a value in messages."""
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return f"the text {value!r}" if len(value) <= 60 else f"the text {value[:57]!r}..."
        case list() | tuple():
            return "a list"
        case Mapping() | BaseModel():
            return "a mapping"
        case _:
            return f"{value}"


def _got(value: Any) -> str:
    return f", got {spell(value)}"


def _hint(kind: str, value: Any) -> str:
    """Suggest the spelling that was probably meant."""
    if kind == "float_type" and isinstance(value, str):
        try:
            return f"; write {Decimal(value):f}, without quotes"
        except InvalidOperation:
            return ""
    if kind == "int_type" and isinstance(value, str) and value.strip().isdecimal():
        return f"; write {int(value)}, without quotes"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}"
    if kind == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
        return "; put it in quotes"
    return ""
