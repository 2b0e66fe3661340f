from __future__ import annotations

import json
import re
from pathlib import Path

import hypothesis
import pytest
from helpers.fake_results import write_evaluation, write_samples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from sedd.config import load_experiment
from sedd.errors import DataError
from sedd.results.perplexity import read as read_perplexity
from sedd.results.samples import read as read_samples
from sedd.results.samples import read_all as read_all_samples


def test_what_was_not_measured_is_none() -> None:
    assert read_perplexity("run", 200, "wiki") is None
    assert read_all_samples(load_experiment("run")) == {}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"num_draws": 32', '"num_draws": 3', None),
        ('"num_draws": 32', '"num_draws": "many"', "num_draws"),
        ('"seed": 7', '"sea": 7', "provenance.seed"),
        ('"standard_error": 0.01', '"standard_error": -0.01', "standard_error"),
        ('"nats_per_token": 4.0', '"nats_per_token": NaN', "nats_per_token"),
        ("}", "", "content"),
        ('"seed": 7', '"seed": 7, "extra": 1', "provenance.extra"),
    ],
)
def test_a_malformed_evaluation_names_its_file_and_key(
    before: str, after: str, told: str | None
) -> None:
    path = write_evaluation("run", 200, "wiki")
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    if told is None:  # the control: an edit alone is not a mistake
        assert read_perplexity("run", 200, "wiki") is not None
        return
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}: malformed: .*{re.escape(told)}"):
        read_perplexity("run", 200, "wiki")


def test_numbers_that_lie_in_the_place_of_others_are_refused() -> None:
    path = write_evaluation("run", 200, "wiki")
    path.rename(path.with_name("kjv.json"))
    with pytest.raises(DataError, match=r"kjv\.json: holds the result of .*dataset 'wiki'"):
        read_perplexity("run", 200, "kjv")


def test_a_malformed_sample_names_its_line() -> None:
    path = write_samples("run", 200, "one", "two")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"index": 2}\n')
    with pytest.raises(
        DataError, match=r"analytic_64\.jsonl, line 3: malformed: text: Field required"
    ):
        read_samples(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=3,
)
KEYS = ("index", "text", "tokens", "prefix_tokens", "suffix_tokens", "network_calls", "settings")


@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(key=st.sampled_from([*KEYS, "seed", "provenance", "seconds"]), value=VALUES)
def test_an_edited_sample_is_read_as_it_should_be_or_refused_in_one_line(key, value) -> None:
    path = write_samples("run", 200, "one")
    line = json.loads(path.read_text())
    line |= {"provenance": {key: value}} if key == "seconds" else {key: value}
    path.write_text(json.dumps(line) + "\n")
    try:
        (sample,) = read_samples(path)
    except DataError as error:
        told = str(error)
    else:
        told = None
    if told is not None:
        assert told.startswith(f"{path}, line 1: malformed: ")
        assert "\n" not in told
        return
    assert all(type(token) is int and token >= 0 for token in sample.tokens)
    assert all(getattr(sample, name) == line.get(name, 0) for name in KEYS[:5])
    assert sample.prefix_tokens + sample.suffix_tokens <= len(sample.tokens)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("tokens", ["1"], "tokens.0: Input should be a valid integer"),
        ("tokens", [-1], "tokens.0: Input should be greater than or equal to 0"),
        ("settings", None, "settings: Input should be an object"),
        ("index", "0", "index: Input should be a valid integer"),
        ("suffix_tokens", 4, "content: Value error, a text of 3 tokens cannot have 4 given tokens"),
        ("provenance", {"seconds": "1"}, "provenance.seconds: Input should be a valid number"),
    ],
)
def test_a_sample_of_other_types_is_refused(key: str, value: object, told: str) -> None:
    path = write_samples("run", 200, "one", **{key: value})
    with pytest.raises(DataError, match=re.escape(f"{path}, line 1: malformed: {told}")):
        read_samples(path)


def test_a_foreign_folder_among_the_steps_is_named() -> None:
    path = write_samples("run", 200, "one")
    path.parent.rename(Path(path.parent.parent, "step_old"))
    with pytest.raises(DataError, match="step_old"):
        read_all_samples(load_experiment("run"))
