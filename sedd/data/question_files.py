"""Files of continuations to score, and of multiple-choice questions: one JSON object per line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sedd.data.characters import replace_lone_surrogates
from sedd.data.text_files import json_objects, read_lines, refuse, wrong_type


@dataclass(frozen=True)
class Question:
    """A context and what may follow it.

    line: in the file, from 1. label: the right one of several continuations; None: there is only
    one, which is scored.
    """

    line: int
    context: str
    continuations: tuple[str, ...]
    label: int | None = None


def read_questions(file: str) -> list[Question]:
    """The questions of a file, or of standard input (`-`). Empty lines are skipped.

    A line has `context` (a text, which may be empty) and either `continuation` (a text), or
    `choices` (two texts or more) and `label` (the position of the right one, from 0). Other keys
    are ignored.
    Raises DataError with all problems, by line.
    """
    questions, problems = [], list[str]()
    for number, entry in json_objects(file, read_lines(file)):
        if wrong := entry_problems(entry):
            problems += [f"line {number}: {what}" for what in wrong]
            continue
        is_choice = "choices" in entry
        texts = entry["choices"] if is_choice else [entry["continuation"]]
        questions.append(
            Question(
                number,
                replace_lone_surrogates(entry["context"]),
                tuple(map(replace_lone_surrogates, texts)),
                entry["label"] if is_choice else None,
            )
        )
    refuse(file, problems)
    return questions


def entry_problems(entry: dict[str, Any]) -> list[str]:
    """What is wrong with one line; empty for a question."""
    problems = []
    if not isinstance(entry.get("context"), str):
        problems.append(wrong_type("context", "a text", entry))
    if "choices" not in entry:
        if "label" in entry:
            problems.append("'label' needs 'choices', a list of texts")
        elif "continuation" not in entry:
            problems.append("needs 'continuation', or 'choices' and 'label'")
        elif not is_text(entry["continuation"]):
            problems.append(wrong_type("continuation", "a text that is not empty", entry))
        return problems
    if "continuation" in entry:
        problems.append("has both 'continuation' and 'choices'; remove one")
    choices, label = entry["choices"], entry.get("label")
    if not isinstance(choices, list) or not all(map(is_text, choices)):
        problems.append(wrong_type("choices", "a list of texts that are not empty", entry))
    elif len(choices) < 2:
        problems.append(f"'choices' must hold at least two texts, got {len(choices)}")
    elif not isinstance(label, int) or isinstance(label, bool):
        problems.append(wrong_type("label", "the position of the right choice", entry))
    elif not 0 <= label < len(choices):
        allowed = f"0 to {len(choices) - 1}, a position in 'choices'"
        problems.append(f"'label' must be {allowed}; got {label}")
    return problems


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
