"""Options of `sedd sample` that are written TOKEN=TEXT or KEY=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from sedd.config.sections.sampling import OPTIONS


def parse_parts(items: Sequence[str]) -> dict[int, str]:
    """Parse `--at 40=" of the "` into a mapping from the first token's position to the text."""
    parts: dict[int, str] = {}
    for item in items:
        number, equals, text = item.partition("=")
        if not equals or not (number.isascii() and number.isdecimal()):
            raise typer.BadParameter(f"--at {item!r}: must be TOKEN=TEXT, such as 40=' of the '")
        if int(number) in parts:
            raise typer.BadParameter(
                f"--at {item!r}: there is another text at token {int(number)}; join the two"
            )
        parts[int(number)] = text
    return parts


def parse_options(items: Sequence[str], allowed: Sequence[str] = OPTIONS) -> dict[str, Any]:
    """Parse `--option remask.eta=0.02` into {"remask": {"eta": 0.02}}. A value is YAML.

    allowed: keys of the section `sampling`.
    """
    from sedd.config.yaml.describe import must_be_one_of
    from sedd.config.yaml.source import read_value

    options: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        *sections, last = key.split(".")
        if equals and [*sections, last][0] not in allowed:
            raise typer.BadParameter(f"--option {item!r}: {must_be_one_of([*allowed], key)}")
        if not equals or not all([*sections, last]):
            raise typer.BadParameter(f"--option {item!r}: must be KEY=VALUE, such as top_k=50")
        inner = options
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = read_value(text)
    return options
