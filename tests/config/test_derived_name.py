"""The name of a run that is derived from the source of its model."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sedd.checkpoints.default_settings import own_tokenizer
from sedd.config.file_names import derived_name
from sedd.config.sections.data import PretrainedData
from sedd.config.values import NAME

HUB_ID = st.from_regex(r"[A-Za-z0-9][\w.-]{0,120}(/[A-Za-z0-9][\w.-]{0,120})?", fullmatch=True)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("gpt2", "gpt2"),
        ("louaaron/sedd-small", "louaaron--sedd-small"),
        ("./exp_local/owt/2024.03.01/120000", "exp_local--owt--2024.03.01--120000"),
        ("/data/runs/x/checkpoints/step_400.pt", "data--runs--x--checkpoints--step_400"),
        ("/data/here/../runs/x", "data--runs--x"),
    ],
)
def test_a_double_dash_stands_for_a_slash(source: str, name: str) -> None:
    assert derived_name(source) == name


@given(st.text(min_size=1))
def test_every_source_has_a_valid_name(source: str) -> None:
    assert NAME.fullmatch(derived_name(source))


@example("/data/here/../runs/x")
@given(st.text("ab./-_ é", min_size=1))
def test_the_tokenizer_of_every_source_has_a_valid_name(source: str) -> None:
    name = own_tokenizer(source)
    assert PretrainedData(tokenizer=name, length=1).tokenizer == name


@given(HUB_ID, HUB_ID)
def test_two_hub_ids_have_two_names(one: str, other: str) -> None:
    assert (derived_name(one) == derived_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a--b/c", "a/b--c"),
        ("a b", "a  b"),
        ("x" * 150, "y" + "x" * 149),
        ("a/.b", "a/b"),
        ("é", "è"),
    ],
)
def test_names_that_would_meet_are_kept_apart_by_a_hash(one: str, other: str) -> None:
    assert derived_name(one) != derived_name(other)
