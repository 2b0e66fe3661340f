"""Reading YAML: lines of keys, and YAML features that are refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.experiment_file import GOOD
from hypothesis import given, settings
from hypothesis import strategies as st

from sedd.config.yaml.source import read_source, read_value
from sedd.errors import ConfigError

Problems = Callable[..., list[str]]


def test_every_key_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# comment\na: 1\nb:\n\n  c: {d: 2}\n  e:\n    - 3\n    - f: 4\n")
    source = read_source(path)
    assert source.values == {"a": 1, "b": {"c": {"d": 2}, "e": [3, {"f": 4}]}}
    assert source.lines == {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 5,
        ("b", "c", "d"): 5,
        ("b", "e"): 6,
        ("b", "e", 0): 7,
        ("b", "e", 1): 8,
        ("b", "e", 1, "f"): 8,
    }


def test_no_tag_constructs_an_object(here: Path, problems: Problems) -> None:
    mark = here / "executed"
    for tag in (
        f"!!python/object/apply:os.mkdir [{mark}]",
        f"!!python/object/new:os.mkdir [{mark}]",
        "!!python/name:os.system x",
        "!mine {a: 1}",
        "!!set {a, b}",
        "!!binary YWJj",
    ):
        lines = problems(GOOD + f"seed: {tag}\n")
        assert len(lines) == 1
        assert lines[0].startswith("seed: a tag (!")
        assert lines[0].endswith("is not allowed: write a plain value    [line 7]")
    assert not mark.exists()


def test_a_duplicate_key_is_reported_with_both_lines(problems: Problems) -> None:
    assert problems(GOOD + "seed: 1\nseed: 2\n") == [
        "seed: duplicate key; the first is on line 7: remove one    [line 8]"
    ]


def test_aliases_and_merge_keys_are_refused(problems: Problems) -> None:
    lines = problems(GOOD + "sampling: &s {steps: 8}\nevaluation: *s\n")
    assert lines == ["evaluation: an alias (*name) is not allowed: write the value out    [line 8]"]
    lines = problems(GOOD + "sampling: {<<: {steps: 8}}\n")
    assert lines == ["sampling: a merge key (<<) is not allowed: write the keys out    [line 7]"]


def test_a_recursive_alias_is_refused(problems: Problems) -> None:
    lines = problems(GOOD + "sampling: &s {steps: *s}\n")
    assert [line.split(":")[0] for line in lines] == ["sampling.steps"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\n b: 2\n", 2),
        ("a: 'open\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: *nothing\n", 1),
    ],
)
def test_invalid_yaml_is_reported_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"not YAML: .+\[line {line}\]") as caught:
        read_source(path)
    assert caught.value.source == str(path)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n"])
def test_a_file_that_is_not_a_mapping_is_reported(problems: Problems, text: str) -> None:
    assert problems(text)[0].startswith("(file): must be a mapping")


def test_all_required_keys_are_reported_for_an_empty_file(problems: Problems) -> None:
    lines = problems("# nothing\n")
    assert [line.split(":")[0] for line in lines] == [
        "data",
        "description",
        "graph",
        "model",
        "noise",
    ]


def test_text_that_is_not_utf8_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"not UTF-8.*\[line 2\]"):
        read_source(path)


def test_deep_nesting_is_reported_without_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: " + "[" * 500 + "]" * 500)
    with pytest.raises(ConfigError):
        read_source(path)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_python_writes_them(number: float) -> None:
    assert read_value(repr(number)) == number


@settings(deadline=None)
@given(st.integers(-(10**20), 10**20))
def test_whole_numbers_are_read_exactly(number: int) -> None:
    value = read_value(str(number))
    assert value == number
    assert isinstance(value, int)


# without control characters and line separators, which YAML must escape, and unassigned characters
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Cn", "Zl", "Zp")), max_size=10)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(PLAIN)
def test_output_of_another_writer_is_read_back_equal(value: Any) -> None:
    """JSON is YAML: the other writer is Python's json module."""
    assert read_value(json.dumps(value, ensure_ascii=False)) == value


@settings(deadline=None)
@given(st.text(alphabet="ab1: -[]{},'\"\n#&*!|>?%@", max_size=30))
def test_any_text_gives_a_value_or_a_config_error(text: str) -> None:
    """No other exception, for any text of YAML's special characters."""
    with contextlib.suppress(ConfigError):
        read_value(text)
