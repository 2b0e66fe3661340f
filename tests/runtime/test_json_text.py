"""All JSON of the project is valid JSON: no NaN, no infinity."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sedd.errors import DataError
from sedd.runtime.atomic import write_json
from sedd.runtime.json_text import finite_or_none, json_text

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
CONTENT = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def numbers(content) -> list[float]:
    if isinstance(content, float):
        return [content]
    if isinstance(content, list | dict):
        inner = content.values() if isinstance(content, dict) else content
        return [number for one in inner for number in numbers(one)]
    return []


@given(CONTENT)
def test_what_is_not_finite_is_refused_and_all_else_is_read_back(content):
    if all(map(math.isfinite, numbers(content))):
        assert json.loads(json_text(content)) == content
    else:
        with pytest.raises(DataError, match="not finite"):
            json_text(content)


def test_the_message_names_the_keys_and_no_file_is_left(tmp_path):
    with pytest.raises(DataError, match=r"as JSON: a\.b\[1\] inf, c nan; nothing was written"):
        write_json(tmp_path / "x.json", {"a": {"b": [1.0, float("inf")]}, "c": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_log_writes_null():
    assert [finite_or_none(one) for one in (float("nan"), 1.5, "x", 2)] == [None, 1.5, "x", 2]
