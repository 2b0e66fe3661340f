"""Finding one's way in the models: which model a key lies in, and what stands there by default."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sedd.config.yaml.source import KeyPath


def locate(
    model: type[BaseModel], loc: KeyPath, values: Any
) -> tuple[KeyPath, type[BaseModel] | None, Any]:
    """From pydantic's location of an error to the key, the model that has it, and its annotation.

    Pydantic puts the member of a union into the location, which no one has written: it is left out.
    """
    path: list[str | int] = []
    inside: type[BaseModel] | None = model
    annotation: Any = model
    skip = False
    for part in loc:
        if skip:
            skip = False
            continue
        inside = choose(annotation, values)
        path.append(part)
        annotation = _child(annotation, inside, part)
        values = _get(values, part)
        skip = len(_models(annotation)) > 1
        if annotation is None:
            break
    return tuple(path), inside, annotation


def value_at(model: type[BaseModel], key: str, values: Mapping[str, Any]) -> Any:
    """The value of a dotted key: as given, or the default. Raises KeyError if there is neither."""
    annotation: Any = model
    here: Any = values
    for part in key.split("."):
        if isinstance(here, BaseModel):
            here = here.model_dump()
        inside = choose(annotation, here)
        if inside is None or part not in inside.model_fields or not isinstance(here, Mapping):
            raise KeyError(key)
        field = inside.model_fields[part]
        annotation = field.annotation
        if part in here:
            here = here[part]
        elif field.is_required():
            raise KeyError(key)
        else:
            here = field.get_default(call_default_factory=True)
    return here


def choose(annotation: Any, values: Any) -> type[BaseModel] | None:
    """The model that an annotation stands for: of several, the one that the values say they are."""
    models = _models(annotation)
    if len(models) < 2:
        return models[0] if models else None
    for model in models:
        for name, field in model.model_fields.items():
            # a single value tells the models apart; several are a choice that more than one may have
            if [_get(values, name)] == list(_literals(field.annotation)):
                return model
    return None


def tags(annotation: Any, discriminator: str) -> list[str]:
    """All values of the key by which the members of a union are told apart."""
    fields = [model.model_fields[discriminator] for model in _models(annotation)]
    return [str(tag) for field in fields for tag in _literals(field.annotation)]


def _literals(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [model for member in get_args(annotation) for model in _models(member)]
    return []


def _child(annotation: Any, inside: type[BaseModel] | None, part: str | int) -> Any:
    if inside is not None:
        field: FieldInfo | None = inside.model_fields.get(str(part))
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
