"""Read YAML as plain values, with the line of every key.

The version is YAML 1.2: 3e-4 is a number and `no` is text. Only mappings, lists and plain values
are allowed. Tags could construct objects, aliases and merge keys hide where a value comes from, and
of two equal keys the second would silently win.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sedd.errors import ConfigError, Problem

KeyPath = tuple[str | int, ...]

TAG = "tag:yaml.org,2002:"
NUMBERS_AND_SWITCHES = {f"{TAG}{kind}" for kind in ("int", "float", "bool", "null")}
# no key holds a date: 2024-01-01 may be the name of a revision
TEXTS = {f"{TAG}{kind}" for kind in ("str", "timestamp", "value")}


def dotted(path: KeyPath) -> str:
    """Spelling of a key in messages: training.lr, rows[2].label."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(file)"


@dataclass
class Source:
    """Values of one file with the overrides of the command line, and the problems found in them.

    lines:      line of each key in the file
    overridden: keys set on the command line
    wrong:      keys with a rejected value; other checks skip them
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    overridden: set[KeyPath] = field(default_factory=set)
    wrong: set[KeyPath] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: KeyPath, what: str, *others: KeyPath, line: int | None = None) -> None:
        """Add a problem with a key, at the key's line.

        others: other keys of the problem; if `path` is not in the file, their line is used.
        """
        written = next((key for key in (path, *others) if self._is_written(key)), path)
        if self._on_command_line(written):
            self.problems.append(Problem(dotted(path), f"{what} (on the command line)"))
        else:
            self.problems.append(Problem(dotted(path), what, line or self._line(written)))

    def reject(self, path: KeyPath, what: str) -> None:
        """Add a problem with a key, and exclude the key from other checks."""
        self.report(path, what)
        self.wrong.add(path)

    def is_wrong(self, path: KeyPath) -> bool:
        """Whether the key, or a section around it, was rejected."""
        return any(path[: len(bad)] == bad for bad in self.wrong)

    def is_sound(self, path: KeyPath) -> bool:
        """Whether the key, the sections around it and the keys in it are all without rejection."""
        return not self.is_wrong(path) and not any(bad[: len(path)] == path for bad in self.wrong)

    def get(self, path: KeyPath) -> Any:
        """Value at a key, or None."""
        value: Any = self.values
        for part in path:
            if isinstance(value, list) and isinstance(part, int):
                value = value[part] if part < len(value) else None
            else:
                value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def raise_problems(self) -> None:
        """Raise ConfigError with all problems, if there are any."""
        if self.problems:
            raise ConfigError(self.name, list(dict.fromkeys(self.problems)))

    def _is_written(self, path: KeyPath) -> bool:
        return path in self.lines or self._on_command_line(path)

    def _on_command_line(self, path: KeyPath) -> bool:
        """Whether an override sets the key, a section around it, or a part of it.

        A part counts only if the key itself is not in the file.
        """
        above = any(path[: len(key)] == key for key in self.overridden)
        below = any(key[: len(path)] == path for key in self.overridden)
        return above or (below and path not in self.lines)

    def _line(self, path: KeyPath) -> int | None:
        """Line of the key, or of the innermost section around it in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path) if path else None


def read_source(path: Path) -> Source:
    """Read a YAML file whose top level is a mapping.

    Raises ConfigError if the file cannot be read or is not YAML. Other problems are added to the
    source.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(str(path), [Problem("(file)", "there is no such file")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            str(path), [Problem("(file)", "not UTF-8 text; save it as UTF-8", line)]
        ) from None
    except OSError as error:
        raise ConfigError(
            str(path), [Problem("(file)", f"cannot be read: {error.strerror}")]
        ) from None
    return deepcopy(_parsed(text, str(path)))


@lru_cache(maxsize=1024)
def _parsed(text: str, name: str) -> Source:
    """The source of a YAML text. Parsing takes much longer than reading the file, which is read anew
    each time: a changed file is never out of date. Copied before use.
    """
    source = Source(name)
    node = compose(text, name)
    if node is None:
        return source
    if isinstance(node, MappingNode):
        source.values = _Reader(source).value(node, ())
    else:
        source.report((), "must be a mapping, lines of `key: value`")
    return source


def read_value(text: str) -> Any:
    """Value of a YAML text, such as a number or [a, b]. Raises ConfigError."""
    source = Source(text)
    node = compose(text, text)
    value = None if node is None else _Reader(source).value(node, ())
    source.raise_problems()
    return value


def compose(text: str, name: str) -> Node | None:
    """Node tree of a YAML text; no object is constructed. Raises ConfigError with the line."""
    try:
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"not YAML: {error.problem or error.context}"
        line = mark.line + 1 if mark is not None else None
        raise ConfigError(name, [Problem("(file)", what, line)]) from None
    except (YAMLError, RecursionError) as error:
        what = f"not YAML: {str(error).splitlines()[0] or 'nested too deeply'}"
        raise ConfigError(name, [Problem("(file)", what)]) from None


class _Reader:
    """Convert a node tree into plain values; record lines and report what is not allowed."""

    def __init__(self, source: Source):
        self._source = source
        self._seen: set[int] = set()
        self._scalars = SafeConstructor(loader=YAML(typ="safe", pure=True))

    def value(self, node: Node, path: KeyPath) -> Any:
        if path:
            self._source.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            self._source.reject(path, "an alias (*name) is not allowed: write the value out")
            return None
        self._seen.add(id(node))
        match node:
            case MappingNode(tag=tag) if tag == f"{TAG}map":
                return self._mapping(node, path)
            case SequenceNode(tag=tag) if tag == f"{TAG}seq":
                return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
            case ScalarNode(tag=tag) if tag in TEXTS:
                return node.value
            case ScalarNode(tag=tag) if tag in NUMBERS_AND_SWITCHES:
                try:
                    return self._scalars.construct_object(node)
                except (ValueError, KeyError):  # an explicit tag on other text, such as !!int x
                    self._source.reject(
                        path, f"must be of type {tag.removeprefix(TAG)}, got {node.value}"
                    )
                    return None
            case _:
                tag = node.tag.replace(TAG, "!!")
                self._source.reject(path, f"a tag ({tag}) is not allowed: write a plain value")
                return None

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or key_node.tag == f"{TAG}merge":
                kind = "a merge key (<<)" if isinstance(key_node, ScalarNode) else "a nested key"
                self._source.report(path, f"{kind} is not allowed: write the keys out", line=line)
                continue
            key, key_path = key_node.value, (*path, key_node.value)
            if key in values:
                first = self._source.lines[key_path]
                what = f"duplicate key; the first is on line {first}: remove one"
                self._source.report(key_path, what, line=line)
                continue
            self._source.lines[key_path] = line
            values[key] = self.value(value_node, key_path)
        return values
