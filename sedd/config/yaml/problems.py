"""From pydantic's errors to problems that say what was found and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sedd.config.choices import one_of
from sedd.config.settings import Settings, broken_rules
from sedd.config.yaml.locate import locate, tags, value_at
from sedd.config.yaml.source import Source

LIMITS = ("gt", "ge", "lt", "le")
M = TypeVar("M", bound=BaseModel)

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


def validate(model: type[M], source: Source) -> M | None:
    """The model of a source's values, or None; the source gets all that is wrong with them."""
    errors: list[ErrorDetails] = []
    made: M | None = None
    try:
        made = model.model_validate(source.values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    known = set(source.wrong)
    for details in errors:
        path, inside, annotation = locate(model, details["loc"], source.values)
        # rules are told below, each at its own line
        if details["type"] != "rules" and not any(path[: len(bad)] == bad for bad in known):
            if details["type"].startswith("union_tag"):
                path = (*path, details.get("ctx", {})["discriminator"].strip("'"))
            source.reject(path, describe(details, inside, annotation))
    if issubclass(model, Settings):
        _report_rules(model, source)
    return None if source.problems else made


def _report_rules(model: type[Settings], source: Source) -> None:
    def value(key: str) -> Any:
        if not source.is_sound(tuple(key.split("."))):
            raise KeyError(key)
        return value_at(model, key, source.values)

    for reads, what in broken_rules(model.rules, value):
        first, *others = (tuple(key.split(".")) for key in reads)
        source.report(first, what, *others)


def describe(details: ErrorDetails, inside: type[BaseModel] | None, annotation: Any) -> str:
    """One error in words: what is allowed, what was found, and a guess at what was meant.

    inside: the model whose key it is.      annotation: what the key may hold.
    """
    kind, context, given = details["type"], details.get("ctx", {}), details["input"]
    key = str(details["loc"][-1]) if details["loc"] else ""
    match kind:
        case "extra_forbidden":
            allowed = list(inside.model_fields) if inside is not None else []
            return f"unknown key; {guess_or_list(key, allowed)}"
        case "missing":
            field = inside.model_fields.get(key) if inside is not None else None
            return (
                f"missing; give {field.description}" if field and field.description else "missing"
            )
        case "union_tag_not_found":
            tag = context["discriminator"].strip("'")
            return f"missing; give {one_of(tags(annotation, tag))}"
        case "union_tag_invalid":
            allowed = tags(annotation, context["discriminator"].strip("'"))
            return must_be_one_of(allowed, context["tag"])
        case "literal_error":
            allowed = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return must_be_one_of(allowed, given)
        case "too_short":
            return "must not be empty"
        case _ if kind in EXPECTED:
            limits = {name: f"{limit:.12g}" for name, limit in context.items() if name in LIMITS}
            return EXPECTED[kind].format(**{**context, **limits}) + _got(given) + _hint(kind, given)
        case _:
            found_too = _got(given) if isinstance(given, str | int | float) else ""
            return details["msg"].removeprefix("Value error, ") + found_too


def must_be_one_of(allowed: list[str], given: Any) -> str:
    near = difflib.get_close_matches(given, allowed, n=1) if isinstance(given, str) else []
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return f"must be {one_of(allowed)}{_got(given)}{guess}"


def guess_or_list(word: str, allowed: list[str]) -> str:
    """`did you mean 'x'?`, or all that is allowed if nothing is near."""
    near = difflib.get_close_matches(word, allowed, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"allowed: {', '.join(allowed)}" if allowed else "there is none"


def found(value: Any) -> str:
    """A value as messages name it."""
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
    return f", got {found(value)}"


def _hint(kind: str, given: Any) -> str:
    """How to write what was probably meant."""
    if kind == "float_type" and isinstance(given, str):
        try:
            return f"; write {Decimal(given):f}, without quotes"
        except InvalidOperation:
            return ""
    if kind == "int_type" and isinstance(given, str) and given.strip().isdecimal():
        return f"; write {int(given)}, without quotes"
    if kind == "int_type" and isinstance(given, float) and given.is_integer():
        return f"; write {int(given)}"
    if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
        return "; put it in quotes"
    return ""
