"""Options of sbatch in a cluster file: which are allowed, and what their text may contain.

The text reaches a shell and the `#SBATCH` lines of a script. One pattern for all of it, without
quotes, `$` and line breaks, keeps an option an option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

OPTION = re.compile(r"[a-z][a-z0-9_-]+")
VALUE = re.compile(r"[A-Za-z0-9 _.,:=@%+/()\[\]&|*?-]{1,1000}")
VALUE_ALLOWED = "letters, digits, spaces and _ . , : = @ % + / ( ) [ ] & | * ? -"
_TYPED = re.compile(r"[A-Za-z0-9_.-]+:[1-9][0-9]{0,2}")
_GRES = re.compile(r"[A-Za-z0-9_]+(:[A-Za-z0-9_.-]+)?:[1-9][0-9]{0,8}")
# by the key that sets them, or by what they are for
RESERVED = {
    **dict.fromkeys(("gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task"), "gpus_per_node"),
    **dict.fromkeys(("mem", "mem-per-cpu", "mem-per-gpu"), "mem_gb"),
    **dict.fromkeys(("cpus-per-task", "cpus-per-gpu"), "cpus_per_task"),
    **dict.fromkeys(("ntasks", "ntasks-per-node", "ntasks-per-gpu"), "processes_per_node"),
    **dict.fromkeys(("ntasks-per-core", "ntasks-per-socket"), "processes_per_node"),
    **{key: key for key in ("account", "constraint", "gres", "nodes", "partition", "qos")},
    **{"time": "hours", "signal": "notice_seconds"},
    **dict.fromkeys(("array", "chdir", "comment", "error", "export", "export-file", "input"), ""),
    **dict.fromkeys(("job-name", "no-requeue", "open-mode", "output", "parsable", "quiet"), ""),
    **dict.fromkeys(("requeue", "test-only", "wait", "wrap"), ""),
}
"""options that `extra` must not set, with the key to use; empty: sedd sets them, or needs its own"""


def _text(value: str) -> str:
    if not VALUE.fullmatch(value):
        raise PydanticCustomError("sbatch", f"may hold only {VALUE_ALLOWED}")
    return value


def _option(value: Any) -> str | int | bool:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return value
    raise PydanticCustomError("option", "must be text, a whole number, true or false")


def _gpus_per_node(value: Any) -> str | int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value is None or is_number or (isinstance(value, str) and _TYPED.fullmatch(value)):
        return value
    raise PydanticCustomError(
        "gpus", "must be a whole number, 0 or more, or a type and a number such as a100:4"
    )


def _gres(value: str) -> str:
    if not all(_GRES.fullmatch(one) for one in value.split(",")):
        what = "must be NAME:NUMBER or NAME:TYPE:NUMBER, such as gpu:a100:4; several by commas"
        raise PydanticCustomError("gres", what)
    return value


SbatchText = Annotated[str, AfterValidator(_text)]
Gres = Annotated[str, AfterValidator(_gres)]
Option = Annotated[
    Any,
    AfterValidator(_option),
    WithJsonSchema({"type": ["string", "integer", "boolean"]}),
]
GpusPerNode = Annotated[
    Any,
    AfterValidator(_gpus_per_node),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}, {"type": "null"}]}
    ),
]


def misplaced(extra: Mapping[str, Any]) -> str | None:
    """Rule for `extra`: names of options that have no other key and that sedd does not set itself.

    sbatch accepts the beginning of an option's name, so that is refused as well.
    """
    found = []
    for key in sorted(extra):
        name = key.replace("_", "-")
        option = next((one for one in sorted(RESERVED) if one.startswith(name)), None)
        if not OPTION.fullmatch(key):
            found.append(f"{key!r}: must be the name of an sbatch option, such as exclude")
        elif option is not None:
            instead = RESERVED[option]
            found.append(f"{key}: {f'use the key {instead}' if instead else 'sedd sets it'}")
    return f"must not set {'; '.join(found)}" if found else None


def gpus_of(gres: str | None) -> list[tuple[str, int]]:
    """Kind, such as gpu or gpu:a100, and number of the GPUs that `gres` asks for."""
    parts = [one.rpartition(":") for one in (gres or "").split(",")]
    return [(kind, int(count)) for kind, _, count in parts if kind.split(":")[0] == "gpu"]
