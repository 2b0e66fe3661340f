"""Records: the schema of a results file, where its numbers come from, and whether it is current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sedd.config import Identity, section_sha256
from sedd.errors import DataError
from sedd.runtime.atomic import write_json


class Record(BaseModel):
    """Base of all records: immutable, no unknown key, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def write(self, path: Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))


class Provenance(Record):
    """Where a result comes from.

    config_sha256: hash of all settings. identity_sha256: hash of the settings that the result
        depends on.
    seconds: of computing, over all processes; None: not recorded.
    tokenizer_sha256: of the model's vocabulary; None: unknown.
    """

    config_sha256: str
    identity_sha256: str
    checkpoint_sha256: str
    code_version: str
    seed: int
    device: str
    created: str
    seconds: float | None = None
    tokenizer_sha256: str | None = None


class Measurement(Record):
    """One number, or several of one kind, of one checkpoint.

    LOCATION: the fields that the path of the file repeats.
    """

    LOCATION: ClassVar[tuple[str, ...]]

    experiment: str
    step: int
    provenance: Provenance

    def what(self) -> str:
        """What was measured, and on how much data."""
        raise NotImplementedError

    def summary(self) -> str:
        """The result in one line."""
        raise NotImplementedError

    def judged_by(self) -> tuple[str, str] | None:
        """The name of the model that judged the texts, and the hash of its weights."""
        return None

    @classmethod
    def read(cls, path: Path, again: str, **location: Any) -> Self | None:
        """The record at `path`, or None if there is no such file.

        location: the values that the path contains. again: the command that makes the file.
        Raises DataError if the file is malformed, or holds the result of another location.
        """
        if not path.is_file():
            return None
        record = parse(cls, path.read_bytes(), f"{path}")
        content = {key: getattr(record, key) for key in cls.LOCATION}
        if content != location:
            raise DataError(
                f"{path}: holds the result of {_spell(content)}, but its path is for {_spell(location)}; "
                f"measure again: {again}"
            )
        return record


R = TypeVar("R", bound=BaseModel)


def parse(
    kind: type[R], content: bytes, where: str, remedy: str = "delete the file and make it again"
) -> R:
    """A record from JSON. Raises DataError that names `where` and every problem."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise DataError(f"{where}: malformed: {problems_of(error)}; {remedy}") from error


def problems_of(error: ValidationError) -> str:
    """Every problem of a content, with its key."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'content'}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    )


def is_current(
    path: Path, identity: Identity, checkpoint_sha256: str, tokenizer_sha256: str | None = None
) -> bool:
    """Whether a JSON file, or the first line of a JSONL file, was made with these settings, weights
    and vocabulary. tokenizer_sha256: None: not compared, as in a file that does not record it.
    """
    provenance = read_provenance(path)
    recorded = provenance.get("tokenizer_sha256")
    if None not in (tokenizer_sha256, recorded) and recorded != tokenizer_sha256:
        return False
    made_with = provenance.get("identity_sha256"), provenance.get("checkpoint_sha256")
    return made_with == (section_sha256(identity), checkpoint_sha256)


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance in a JSON file, or in the first line of a JSONL file; empty if it has none."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.readline() if path.suffix == ".jsonl" else file.read())
        provenance = content["about"]["provenance"] if "about" in content else content["provenance"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return provenance if isinstance(provenance, dict) else {}


def _spell(location: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value!r}" for key, value in location.items())
