"""key=value on the command line: `graph.type=uniform model=small evaluation.datasets=[wiki,kjv]`.

A value is YAML. Sections are set before their keys, whatever the order on the command line. Another
`type` or `preset` starts its section afresh, because the keys of the old one need not exist there.
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
    """Change the source's values; report what is wrong with the overrides themselves in it."""
    wanted: dict[KeyPath, Any] = {}
    for item in overrides:
        key, equals, text = item.partition("=")
        path = tuple(key.split("."))
        if not equals or not KEY.fullmatch(key):
            refuse(source, item, "must be key=value, such as training.lr=0.001")
        elif not text.strip():
            refuse(source, item, f"has no value; write {key}=VALUE, or {key}=null for none")
        elif path in wanted:
            refuse(source, item, f"{key} is given twice; give it once")
        else:
            try:
                wanted[path] = read_value(text)
            except ConfigError as error:
                refuse(source, item, error.problems[0].what)
    for path in sorted(wanted, key=lambda path: (len(path), path[-1] not in CHOOSERS)):
        set_value(source, path, wanted[path])


def refuse(source: Source, item: str, what: str) -> None:
    """Report an override that cannot be read."""
    source.problems.append(Problem(item, f"{what} (on the command line)"))


def set_value(source: Source, path: KeyPath, value: Any) -> None:
    """Set one key, making the sections that lead to it."""
    source.overridden.add(path)
    section: dict[str, Any] = source.values
    for depth, part in enumerate(path[:-1], start=1):
        inner = section.setdefault(str(part), {})
        if part == "model" and isinstance(inner, str):
            inner = section["model"] = {"preset": inner}
        if not isinstance(inner, dict):
            kind = "a list; give all of it" if isinstance(inner, list) else "no section"
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
        # what the file says there no longer counts, nor do its lines
        lines = source.lines.items()
        source.lines = {key: line for key, line in lines if key[: len(changed)] != changed}
