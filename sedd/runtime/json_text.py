"""The one writer of JSON, and its readers.

NaN and infinity are not JSON, so a file never holds them. A result with such a number is refused: it
is not a measurement. A log of a training writes null. Control characters are escaped, so that a file
can be shown on a terminal. What is read may be damaged in any way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from sedd.errors import DataError

CONTROLS = (*range(32), *range(127, 160))
"""Control characters: escape sequences of terminals begin with one. JSON itself escapes those
below 32."""
_ESCAPED = {code: f"\\u{code:04x}" for code in CONTROLS if code > 32}


def json_text(content: Any, **layout: Any) -> str:
    """Valid JSON of plain values. layout: keyword arguments of `json.dumps`.

    Raises DataError that names the keys of numbers that are not finite.
    """
    try:
        return json.dumps(content, allow_nan=False, **layout).translate(_ESCAPED)
    except ValueError:
        if not (keys := not_finite(content)):
            raise
        raise DataError(
            f"not finite, so it cannot be written as JSON: {', '.join(keys[:6])}; nothing was written. "
            "The model gives no usable numbers here"
        ) from None


def parse_json(content: str | bytes, where: str, what: str = "JSON") -> Any:
    """The value of a JSON text.

    Raises DataError for text that is not JSON, has too many levels or too long a number.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise DataError(f"{where}: not valid {what}: it has too many levels") from error
    except ValueError as error:
        raise DataError(f"{where}: not valid {what}: {error}") from error


def object_or_empty(content: str | bytes) -> dict[str, Any]:
    """A JSON object; empty for anything else, for readers that do without it."""
    try:
        value = parse_json(content, "")
    except DataError:
        return {}
    return value if isinstance(value, dict) else {}


def finite_or_none(value: Any) -> Any:
    """The value, or None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def not_finite(content: Any, key: str = "") -> list[str]:
    """Dotted keys, with values, of the numbers in nested content that are not finite."""
    if isinstance(content, float):
        return [] if math.isfinite(content) else [f"{key or 'content'} {content}"]
    if isinstance(content, Mapping):
        items = [(f"{key}.{name}" if key else str(name), one) for name, one in content.items()]
    elif isinstance(content, list | tuple):
        items = [(f"{key}[{at}]", one) for at, one in enumerate(content)]
    else:
        return []
    return [found for name, one in items for found in not_finite(one, name)]
