"""Find the model field that belongs to a key: its model, its annotation, its value or default."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from sedd.config.yaml.source import KeyPath


def locate(
    model: type[BaseModel], loc: KeyPath, values: Any
) -> tuple[KeyPath, type[BaseModel] | None, Any]:
    """Translate pydantic's location of an error into a key path of the file.

    Pydantic's location also names the member of a union, which the file does not: it is left out.
    Returns the key path, the model that has the key, and the key's annotation.
    """
    path: list[str | int] = []
    owner: type[BaseModel] | None = model
    annotation: Any = model
    skip = False
    for part in loc:
        if skip:
            skip = False
            continue
        owner = choose(annotation, values)
        path.append(part)
        annotation = _child(annotation, owner, part)
        values = _get(values, part)
        skip = _num_kinds(annotation) > 1
        if annotation is None:
            break
    return tuple(path), owner, annotation


def value_at(model: type[BaseModel], key: str, values: Mapping[str, Any]) -> Any:
    """Value of a dotted key, or its default; sections are validated into models.

    Raises KeyError if the key has neither a value nor a default. The value must be valid.
    """
    annotation: Any = model
    value: Any = values
    for part in key.split("."):
        if isinstance(value, BaseModel):
            value = value.model_dump()
        owner = choose(annotation, value)
        if owner is None or part not in owner.model_fields or not isinstance(value, Mapping):
            raise KeyError(key)
        field = owner.model_fields[part]
        annotation = field.annotation
        if part in value:
            value = value[part]
        elif field.is_required():
            raise KeyError(key)
        else:
            value = field.get_default(call_default_factory=True)
    return TypeAdapter(annotation).validate_python(value) if _holds_models(annotation) else value


def choose(annotation: Any, values: Any) -> type[BaseModel] | None:
    """Model of an annotation; in a union, the member whose discriminator the values have."""
    models = union_members(annotation)
    if len(models) < 2:
        return models[0] if models else None
    for model in models:
        for name, field in model.model_fields.items():
            # a Literal of one value is a discriminator; several values are an ordinary choice
            if [_get(values, name)] == list(_literals(field.annotation)):
                return model
    return None


def tags(annotation: Any, discriminator: str) -> list[str]:
    """Allowed values of a union's discriminator key."""
    fields = [model.model_fields[discriminator] for model in union_members(annotation)]
    return [str(tag) for field in fields for tag in _literals(field.annotation)]


def union_members(annotation: Any) -> list[type[BaseModel]]:
    """Models that an annotation allows: several for a union, none for a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return union_members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [model for member in get_args(annotation) for model in union_members(member)]
    return []


def _num_kinds(annotation: Any) -> int:
    """Number of kinds of values that an annotation allows, without null; 1 if it is not a union."""
    if get_origin(annotation) is Annotated:
        return _num_kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = (member for member in get_args(annotation) if member is not type(None))
        return sum(_num_kinds(member) for member in members)
    return 1


def _holds_models(annotation: Any) -> bool:
    return bool(union_members(annotation)) or any(map(_holds_models, get_args(annotation)))


def _literals(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _child(annotation: Any, owner: type[BaseModel] | None, part: str | int) -> Any:
    if owner is not None:
        field: FieldInfo | None = owner.model_fields.get(str(part))
        return field.annotation if field is not None else None
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (list, tuple):
        return get_args(annotation)[0]
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return None


def _get(values: Any, part: str | int) -> Any:
    if isinstance(values, Mapping):
        return values.get(part)
    if isinstance(values, list) and isinstance(part, int) and part < len(values):
        return values[part]
    return None
