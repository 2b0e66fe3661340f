"""The content of a checkpoint: values of the right kinds, weights that are numbers, its own step."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sedd.checkpoints.formats.tensors import all_finite, unusable
from sedd.errors import CheckpointError

LISTED = 6  # problems in a message
NUMBERED = re.compile(r"(?:step|state)_(\d{1,18})\.pt")
Kind = tuple[Callable[[Any], bool], str]


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and least <= value < 2**63


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _holds_tensors(value: Any) -> bool:
    return _is_named(value) and all(isinstance(one, Tensor) for one in value.values())


COUNT: Kind = (lambda value: _is_whole(value, 0), "a whole number of at least 0")
MAPPING: Kind = (_is_named, "a mapping from names")
TENSORS: Kind = (_holds_tensors, "a mapping from names to tensors")
KINDS: Mapping[str, Kind] = {
    "step": COUNT,
    "identity": (lambda value: isinstance(value, str), "a text"),
    "experiment": MAPPING,
    "vocab_size": (lambda value: _is_whole(value, 1), "a whole number of at least 1"),
    "model": TENSORS,
    "ema": MAPPING,
    "optimizer": MAPPING,
    "world_size": (lambda value: _is_whole(value, 1), "a whole number of at least 1"),
    "num_skipped": COUNT,
    "tokenizer_sha256": (lambda value: value is None or isinstance(value, str), "a text or None"),
}
EMA_KINDS: Mapping[str, Kind] = {
    "decay": (lambda value: type(value) is float and 0 <= value <= 1, "a number in [0, 1]"),
    "num_updates": COUNT,
    "shadow": TENSORS,
}


def check_content(content: Mapping[str, Any], path: Path) -> None:
    """Check the kinds of all values, and that the file's name has the step that it holds.

    Reads no weight. Raises CheckpointError with all problems.
    """
    problems = _wrong_kinds(content, KINDS, "")
    ema = content["ema"]
    if isinstance(ema, Mapping):
        missing = [f"ema.{key}: missing" for key in EMA_KINDS if key not in ema]
        problems += missing + _wrong_kinds(ema, EMA_KINDS, "ema.")
    if problems:
        raise CheckpointError(
            f"{path}: not a checkpoint that this project wrote: {'; '.join(problems)}; "
            "train again: the run resumes from its last state"
        )
    name = NUMBERED.fullmatch(path.name)
    if name and int(name[1]) != content["step"]:
        raise CheckpointError(
            f"{path}: holds step {content['step']}, but its name is that of step {int(name[1])}; "
            "delete the file, or give it a name of another form"
        )


def _wrong_kinds(values: Mapping[str, Any], kinds: Mapping[str, Kind], prefix: str) -> list[str]:
    return [
        f"{prefix}{key} must be {allowed}, found {_spell(values[key])}"
        for key, (fits, allowed) in kinds.items()
        if key in values and not fits(values[key])
    ]


def _spell(value: Any) -> str:
    if isinstance(value, bool | int | float) and (not isinstance(value, int) or abs(value) < 2**64):
        return str(value)
    return type(value).__name__


def check_weights(content: Mapping[str, Any], path: Path) -> None:
    """Raise CheckpointError unless all weights, and their average, are finite numbers.

    Reads every weight once.
    """
    groups = {"model": content["model"], "ema": content["ema"]["shadow"]}
    named = ((f"{key}.{name}", one) for key, group in groups.items() for name, one in group.items())
    require_usable(named, path)


def require_usable(named: Iterable[tuple[str, Tensor]], path: Path | str) -> None:
    """Raise CheckpointError, with the first few names, if any tensor cannot be a weight."""
    bad = [f"{name}: {problem}" for name, tensor in named if (problem := unusable(tensor))]
    if bad:
        more = [f"and {len(bad) - LISTED} more"] if len(bad) > LISTED else []
        raise CheckpointError(
            f"{path}: holds weights that cannot be used:\n  "
            + "\n  ".join([*bad[:LISTED], *more])
            + "\nuse an earlier checkpoint, or train again with a smaller training.lr"
        )


def infinite_part(value: Any, name: str = "") -> str | None:
    """The first tensor or number, in nested dictionaries and lists, that is not finite; else None."""
    if isinstance(value, Tensor):
        is_number = value.is_floating_point() and value.numel()
        return name if is_number and not all_finite(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else name
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    parts = (infinite_part(one, f"{name}.{key}" if name else str(key)) for key, one in items)
    return next((part for part in parts if part is not None), None)
