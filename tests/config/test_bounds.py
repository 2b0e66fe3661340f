"""Numbers far above any use are refused at once, in every key and option."""

from __future__ import annotations

import pytest
from helpers.project import invoke
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sedd.config import Experiment, load_experiment
from sedd.config.identity import leaves
from sedd.errors import ConfigError


def whole_number_keys() -> list[str]:
    settings = load_experiment("tiny_absorb", writes=False)
    optional = ["sampling.top_k", "sampling.length", "evaluation.max_sequences", "mauve.buckets"]
    return optional + [key for key, value, _ in leaves(settings) if type(value) is int]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_whole_number_has_a_bound_below_64_bits(project, data):
    key = data.draw(st.sampled_from(whole_number_keys()))
    value = data.draw(st.sampled_from([2**63, 10**19, 10**30, 10**400]))
    if key != "seed":
        value = data.draw(st.sampled_from([value, 10**12, 2**32]))
    with pytest.raises(
        ConfigError, match=rf"{key}: must be (at most|below|a whole number of fewer)"
    ):
        load_experiment("tiny_absorb", [f"{key}={value}"], rename="big")


def test_the_bounds_leave_room_for_the_largest_runs_of_the_field(project):
    large = ["training.steps=100000000", "training.warmup_steps=1000000"]
    settings = load_experiment(
        "tiny_absorb", [*large, "training.checkpoint_every=100000"], rename="big"
    )
    assert isinstance(settings, Experiment)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "smoke_absorb", "training.steps=1000000000000"], "training.steps: must be at most 1"),
        (["train", "smoke_absorb", "training.steps=1.0e+12"], "training.steps: must be a whole number"),
        (["train", "smoke_absorb", f"training.steps={'9' * 5000}"], "on the command line"),
        (["train", "smoke_absorb", "model.hidden_size=1000000000"], "hidden_size: must be at most"),
        (["sample", "smoke_absorb", "--steps", "1000000000"], "sampling.steps: must be at most"),
        (["sample", "smoke_absorb", "--count", "10000000000000"], "sampling.count: must be at most"),
        (["sample", "smoke_absorb", "--temperature", "1e-300"], "must be 0 or at least 0.000001"),
        (["sample", "smoke_absorb", "--option", "temperature=1e-300"], "temperature: must be"),
        (["perplexity", "smoke_absorb", "evaluation.num_draws=1000000000000"], "num_draws: must be at m"),
        (["train", "smoke_absorb", "training.steps=1000000000", "training.checkpoint_every=1"], "at least 10000"),
    ],
)  # fmt: skip
def test_an_absurd_number_on_the_command_line_is_one_line(project, words, message):
    rename = ["--name", "big"] if any("=" in word for word in words[2:3]) else []
    result = invoke(*words, *rename, check=False)
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 3
