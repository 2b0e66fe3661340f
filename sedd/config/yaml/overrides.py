"""Overrides on the command line: `graph.type=uniform model=small evaluation.datasets=[wiki,kjv]`.

A value is YAML. Sections are set before their keys, in any order on the command line. A new `type`
or `preset` clears its section first, because the old keys may not exist for the new type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sedd.config.yaml.source import KeyPath, Source, read_value
from sedd.errors import ConfigError, Problem

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
CHOOSERS = ("type", "preset")


def apply_overrides(source: Source, overrides: Sequence[str]) -> None:
    """Apply key=value overrides to a source; report malformed overrides to it."""
    values: dict[KeyPath, Any] = {}
    for item in overrides:
        key, equals, text = item.partition("=")
        path = tuple(key.split("."))
        if not equals or not KEY.fullmatch(key):
            refuse(source, item, "must be key=value, such as training.lr=0.001")
        elif not text.strip():
            refuse(source, item, f"has no value; write {key}=VALUE, or {key}=null for none")
        elif path in values:
            refuse(source, item, f"{key} is set twice; set it once")
        else:
            try:
                values[path] = read_value(text)
            except ConfigError as error:
                refuse(source, item, error.problems[0].what)
    for path in sorted(values, key=lambda path: (len(path), path[-1] not in CHOOSERS)):
        set_value(source, path, values[path])


def refuse(source: Source, item: str, what: str) -> None:
    """Report an override that cannot be applied."""
    source.problems.append(Problem(item, f"{what} (on the command line)"))


def set_value(source: Source, path: KeyPath, value: Any) -> None:
    """Set one key; create the sections around it if necessary."""
    source.overridden.add(path)
    section: dict[str, Any] = source.values
    for depth, part in enumerate(path[:-1], start=1):
        inner = section.setdefault(str(part), {})
        if part == "model" and isinstance(inner, str):
            inner = section["model"] = {"preset": inner}
        if not isinstance(inner, dict):
            kind = "a list; set all of it" if isinstance(inner, list) else "not a section"
            refuse(
                source, ".".join(map(str, path)), f"{'.'.join(map(str, path[:depth]))} is {kind}"
            )
            return
        section = inner
    key = str(path[-1])
    if key in CHOOSERS and section.get(key) != value:
        section.clear()
        source.overridden.add(path[:-1])
    section[key] = value
    for changed in source.overridden:
        # the file's values of overridden keys are gone, and so are their lines
        lines = source.lines.items()
        source.lines = {key: line for key, line in lines if key[: len(changed)] != changed}
