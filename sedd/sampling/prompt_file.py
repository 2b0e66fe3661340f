"""Prompts of the user: one JSON object per line, or the same as Python values.

{"prefix": "the river ", "suffix": " in france", "count": 2}
{"template": "The [20] of France", "seed": 7}
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sedd.config import AnyExperiment, text_length
from sedd.data.tokenizers import Tokenizer
from sedd.errors import DataError
from sedd.sampling.prompt import Prompt, Request, check_prompt

MAX_PROBLEMS = 20  # that one message lists


class PromptLine(BaseModel):
    """The keys of one prompt. Either a template, or a prefix and a suffix."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prefix: str = ""
    suffix: str = ""
    template: str | None = None
    count: int | None = Field(default=None, ge=1)
    seed: int | None = None

    @model_validator(mode="after")
    def _is_one_form(self) -> PromptLine:
        if self.template is not None and (self.prefix or self.suffix):
            raise PydanticCustomError("form", "has a template beside a prefix or suffix; keep one")
        return self


def read_requests(
    path: Path, experiment: AnyExperiment, tokenizer: Tokenizer, count: int, seed: int
) -> list[Request]:
    """The prompts of a JSON-lines file; `-` is standard input. Blank lines are skipped.

    count: texts of a prompt without the key `count`.
    seed: of the first prompt; the next ones without the key `seed` have seed + 1, seed + 2, ...
    Raises DataError with the line of each problem, also if a prompt does not fit.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}; correct the path") from error
    numbered = enumerate(content.split(b"\n"), 1)
    lines = {f"line {number}": line for number, line in numbered if line.strip()}
    return _requests(name, lines.items(), _parse_json, experiment, tokenizer, count, seed)


def to_requests(
    prompts: Iterable[str | Mapping[str, Any]],
    experiment: AnyExperiment,
    tokenizer: Tokenizer,
    count: int,
    seed: int,
) -> list[Request]:
    """The same for Python values: a string is a prefix, a mapping has the keys of a line."""
    if isinstance(prompts, str | Mapping):
        raise TypeError("prompts must be a list")
    numbered = [(f"prompt {number}", prompt) for number, prompt in enumerate(prompts)]
    return _requests("prompts", numbered, _parse_value, experiment, tokenizer, count, seed)


def _requests(
    source: str,
    prompts: Iterable[tuple[str, Any]],
    parse: Callable[[Any], PromptLine],
    experiment: AnyExperiment,
    tokenizer: Tokenizer,
    count: int,
    seed: int,
) -> list[Request]:
    requests, problems = [], []
    for index, (where, content) in enumerate(prompts):
        try:
            line = parse(content)
            prompt = _encode(line, tokenizer, text_length(experiment))
            check_prompt(prompt, experiment)
        except DataError as error:
            problems.append(f"{where}: {error}")
            continue
        seed_of_line = seed + index if line.seed is None else line.seed
        requests.append(Request(prompt, line.count or count, seed_of_line))
    if problems:
        raise DataError(_listed(source, problems))
    if not requests:
        raise DataError(
            f"{source}: holds no prompt; write one JSON object per line, such as "
            '{"prefix": "the river "} or {"template": "The [20] of France"}'
        )
    return requests


def _encode(line: PromptLine, tokenizer: Tokenizer, length: int) -> Prompt:
    if line.template is not None:
        return Prompt.of_template(tokenizer, line.template, length)
    return Prompt.encode(tokenizer, line.prefix, line.suffix)


def _parse_json(line: bytes) -> PromptLine:
    try:
        return _parse_value(json.loads(line.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text: {error.reason} at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON: {error.msg} at character {error.colno}") from error
    except RecursionError as error:
        raise DataError("not a prompt: JSON with too many levels") from error
    except ValueError as error:  # an integer of thousands of digits
        raise DataError(f"not valid JSON: {error}") from error


def _parse_value(value: Any) -> PromptLine:
    if isinstance(value, str):
        value = {"prefix": value}
    if not isinstance(value, Mapping):
        raise DataError(
            f"must be an object with some of the keys {', '.join(PromptLine.model_fields)}; "
            f"got {type(value).__name__}"
        )
    try:
        line = PromptLine.model_validate(dict(value))
    except ValidationError as error:
        raise DataError("; ".join(map(_problem, error.errors(include_url=False)))) from error
    for text in (line.prefix, line.suffix, line.template or ""):
        if any("\ud800" <= symbol <= "\udfff" for symbol in text):
            raise DataError("holds half of a surrogate pair, which is not a character")
    return line


def _problem(error: Mapping[str, Any]) -> str:
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"unknown key {key!r}; the keys are {', '.join(PromptLine.model_fields)}"
    return f"{key}: {error['msg']}" if key else error["msg"]


def _listed(source: str, problems: Sequence[str]) -> str:
    """One line for one problem, otherwise a list."""
    if len(problems) == 1:
        return f"{source}, {problems[0]}"
    lines = [f"{source}: {len(problems)} problems", *problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return "\n  ".join(lines)
