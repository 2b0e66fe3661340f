"""Files of questions: their forms, and their problems by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sedd.data.question_files import Question, read_questions
from sedd.errors import DataError


def test_a_line_is_a_continuation_or_a_choice(tmp_path: Path):
    path = tmp_path / "q.jsonl"
    entries = [
        {"context": "", "continuation": " a", "id": 7},
        {"context": "b ", "choices": ["c", "d"], "label": 1},
    ]
    path.write_text("\n\n".join(map(json.dumps, entries)))
    assert read_questions(str(path)) == [
        Question(1, "", (" a",)),
        Question(3, "b ", ("c", "d"), 1),
    ]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"continuation": "b"}, "no key 'context', which must be a text; its keys: 'continuation'"),
        ({"context": 3, "continuation": "a"}, "'context' must be a text, got 3"),
        ({"context": "a"}, "needs 'continuation', or 'choices' and 'label'"),
        ({"context": "a", "continuation": ""}, "'continuation' must be a text that is not empty"),
        ({"context": "a", "continuation": "b", "label": 0}, "'label' needs 'choices'"),
        ({"context": "a", "choices": ["b"], "label": 0}, "must hold at least two texts, got 1"),
        ({"context": "a", "choices": [], "label": 0}, "must hold at least two texts, got 0"),
        ({"context": "a", "choices": "bc", "label": 0}, "'choices' must be a list of texts"),
        ({"context": "a", "choices": ["b", 1], "label": 0}, "'choices' must be a list of texts"),
        ({"context": "a", "choices": ["b", "c"]}, "no key 'label', which must be the position"),
        ({"context": "a", "choices": ["b", "c"], "label": "b"}, "'label' must be the position"),
        ({"context": "a", "choices": ["b", "c"], "label": True}, "'label' must be the position"),
        ({"context": "a", "choices": ["b", "c"], "label": 2}, "'label' must be 0 to 1.*; got 2"),
        ({"context": "a", "choices": ["b", "c"], "label": -1}, "'label' must be 0 to 1.*; got -1"),
        (
            {"context": "a", "continuation": "d", "choices": ["b", "c"], "label": 1},
            "has both 'continuation' and 'choices'",
        ),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_its_number(tmp_path: Path, entry, problem):
    path = tmp_path / "q.jsonl"
    path.write_text('{"context": "a", "continuation": "b"}\n' + json.dumps(entry))
    with pytest.raises(DataError, match=f"1 problem\n  line 2: .*{problem}"):
        read_questions(str(path))


def test_all_lines_are_checked_at_once(tmp_path: Path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"continuation": 3}\n{"context": "a", "choices": ["b"]}\n')
    with pytest.raises(DataError) as error:
        read_questions(str(path))
    assert [line.split(":")[0] for line in str(error.value).splitlines()[1:]] == [
        "  line 1",
        "  line 1",
        "  line 2",
    ]
