"""A file of lines that grows while they are computed, and continues after a kill.

Beside FILE, `.FILE.state.json` records the computation (a hash of everything that the lines depend on,
and of the code) and how much of FILE is on disk. It is removed when FILE is complete: a file
without it is never continued.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from sedd.errors import DataError
from sedd.runtime.atomic import naming, no_follow, sync_folder, write_json, write_text
from sedd.runtime.json_text import json_text
from sedd.runtime.provenance import code_sha256

Count = Annotated[int, Field(ge=0, strict=True)]


@dataclass(frozen=True)
class State:
    """How much of a file is on disk. computation: a hash. crc32: of the bytes."""

    computation: str
    lines: Count = 0
    bytes: Count = 0
    crc32: Count = 0


class GrowingFile:
    """Lines of one computation, appended in order by one process.

    identity: everything that the lines depend on, except the code.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]):
        text = json_text([identity, code_sha256()], sort_keys=True)
        self.path, self._state_file = path, state_file(path)
        self._state = State(hashlib.sha256(text.encode()).hexdigest())

    def open(self) -> int:
        """The number of lines that the file already holds; what a kill left after them is cut off.

        Raises DataError if the file holds lines of another computation, or was changed.
        """
        found = _read_state(self._state_file)
        if found is None or not found.lines or not self.path.exists():
            return 0
        if found.computation != self._state.computation:
            raise DataError(
                f"{self.path}: unfinished; its {found.lines} lines are of another command, or of another "
                f"version of the code; {TO_START_OVER}"
            )
        with naming(self.path), open(self.path, "rb+", opener=no_follow) as file:
            if zlib.crc32(file.read(found.bytes)) != found.crc32:
                raise DataError(
                    f"{self.path}: its first {found.lines} lines are not those that were written; "
                    f"{TO_START_OVER}"
                )
            file.truncate(found.bytes)
        self._state = found
        return found.lines

    def append(self, text: str, num_lines: int) -> None:
        """Append whole lines, and sync them to disk. The first ones replace an older file."""
        content, before = text.encode(), self._state
        if not before.lines:
            self._write_state()  # first: the file is not complete
            write_text(self.path, text)
        else:
            with naming(self.path), open(self.path, "ab", opener=no_follow) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        self._state = State(
            before.computation,
            before.lines + num_lines,
            before.bytes + len(content),
            zlib.crc32(content, before.crc32),
        )
        self._write_state()

    def finish(self) -> None:
        """Declare the file complete."""
        self._state_file.unlink(missing_ok=True)
        sync_folder(self.path.parent)

    def _write_state(self) -> None:
        write_json(self._state_file, asdict(self._state))


TO_START_OVER = "name another file, or remove this one to start over"


def state_file(path: Path) -> Path:
    """The file beside an unfinished one."""
    return path.with_name(f".{path.name}.state.json")


def _read_state(path: Path) -> State | None:
    """The state of an unfinished file; None if there is none. Raises DataError."""
    try:
        with open(path, "rb", opener=no_follow) as file:
            return TypeAdapter(State).validate_json(file.read())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DataError(f"{path}: is not the state of an unfinished file; remove it") from error
