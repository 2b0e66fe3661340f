"""Reference of all configuration keys: `config/README.md`, and JSON schemas in `config/schema/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sedd.config.schema import KINDS, FileKind, Schema, file_schema, model_schema
from sedd.config.values import MAX_COUNT, MAX_STEPS
from sedd.paths import CONFIG
from sedd.runtime.atomic import write_text
from sedd.runtime.json_text import json_text

COMMAND = "sedd config reference"
HEAD = f"""\
<!-- Written by `{COMMAND}` from the docstrings in sedd/config; edit those instead. -->
# Configuration files

All keys of all files in this folder. Unknown keys are errors; `sedd config check` reports every
problem with its line. `sedd config show NAME` prints an experiment with all defaults filled in.
Editors with yaml-language-server complete keys and show their meaning, because the first line of
each file names its schema, e.g. `# yaml-language-server: $schema=../schema/experiment.json`.
Whole numbers are at most {MAX_COUNT:,}, and numbers of training steps {MAX_STEPS:,}.
"""


def write_reference() -> list[Path]:
    """Write the reference and the schemas; returns the paths."""
    files = reference_files()
    for path, text in files.items():
        write_text(path, text)
    return list(files)


def reference_files() -> dict[Path, str]:
    """Text of each file of the reference, by path."""
    schemas = {
        CONFIG / "schema" / f"{kind.name}.json": json_text(file_schema(kind), indent=2) + "\n"
        for kind in KINDS
    }
    return {CONFIG / "README.md": readme(), **schemas}


def readme() -> str:
    """Markdown: one chapter per kind of file, one table per section."""
    return HEAD + "".join(f"\n{line}\n" for kind in KINDS for line in _chapter(kind))


def _chapter(kind: FileKind) -> Iterator[str]:
    title = kind.name.capitalize()
    yield f"## {title}: `{kind.files}`"
    written: set[str] = set()
    for index, model in enumerate(kind.models):
        schema = model_schema(model)
        if index:
            title = f"{title} with `{model.__name__.lower()}`"
            yield f"### {title}"
        yield schema["description"]
        yield _table(schema)
        yield from _sections(schema, schema, title, "", written)


def _sections(
    root: Schema, schema: Schema, title: str, path: str, written: set[str]
) -> Iterator[str]:
    """A heading and a table for each model below the given one, each model once."""
    for key, field in schema["properties"].items():
        members = [name for name in _refs(field) if name not in written]
        written.update(members)
        if not members:
            continue
        section = f"{path}{key}{_suffix(field)}"
        yield f"### {title}: `{section}`"
        for name in members:
            member = root["$defs"][name]
            choice = _choice(member)
            yield f"**{choice}.** {member['description']}" if choice else member["description"]
            if table := _table(member):
                yield table
        for name in members:
            yield from _sections(root, root["$defs"][name], title, f"{section}.", written)


def _table(schema: Schema) -> str:
    """One row per key. Empty if the only key is the `type` that chooses the model."""
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in schema["properties"].items():
        if "const" in field:
            continue
        required = key in schema.get("required", ())
        cells = (f"`{key}`", _type(field), _default(field, required), _meaning(field))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _type(field: Schema) -> str:
    """Type or choices of a key in words."""
    if "$ref" in field:
        return "section"
    if members := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(member) for member in members))
    if "enum" in field:
        return ", ".join(f"`{name}`" for name in field["enum"])
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [
        f"{sign} {_number(field[key])}"
        for key, sign in limits.items()
        if key in field and field[key] not in (MAX_COUNT, MAX_STEPS)
    ]
    match field.get("type"):
        case "integer" | "number" as kind:
            return f"{'whole number' if kind == 'integer' else kind} {', '.join(bounds)}"
        case "array":
            return f"list of: {_type(field['items'])}"
        case "object":
            return f"mapping from names to: {_type(field['additionalProperties'])}"
        case list() as kinds:
            return " or ".join(_type({"type": kind}) for kind in kinds)
        case "boolean":
            return "`true`, `false`"
        case "null":
            return "`null`"
        case None:
            return "any value"
        case _:
            return "text"


def _default(field: Schema, required: bool) -> str:
    if required:
        return "required"
    default = field.get("default")
    if isinstance(default, dict) and default and _refs(field):
        return ""  # the defaults of a section are in its own table
    return f"`{json_text(default)}`" if not isinstance(default, str) else f"`{default}`"


def _meaning(field: Schema) -> str:
    meaning = field.get("description", "")
    if "enumDescriptions" in field:
        choices = zip(field["enum"], field["enumDescriptions"], strict=True)
        meaning += "." + "".join(f" `{name}`: {text}." for name, text in choices)
    return meaning


def _number(value: float) -> str:
    return "2^63" if value == 2**63 else f"{value:g}"


def _refs(field: Any) -> list[str]:
    """Names of the models that a key refers to."""
    if isinstance(field, list):
        return [name for item in field for name in _refs(item)]
    if not isinstance(field, dict):
        return []
    own = [field["$ref"].removeprefix("#/$defs/")] if "$ref" in field else []
    keys = ("anyOf", "oneOf", "items", "additionalProperties")
    return own + [name for key in keys if key in field for name in _refs(field[key])]


def _suffix(field: Schema) -> str:
    return {"array": "[]", "object": ".NAME"}.get(field.get("type", ""), "")


def _choice(member: Schema) -> str:
    """`type: loglinear` for a member of a union, else an empty text."""
    for key, field in member["properties"].items():
        if "const" in field:
            return f"`{key}: {field['const']}`"
        if key == "kind":
            return f"`{key}`: " + " or ".join(f"`{name}`" for name in field["enum"])
    return ""
