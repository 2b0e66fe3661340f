from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiment_file import GOOD
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sedd.config import Experiment, ModelConfig, load_experiment
from sedd.config.sections.training import indivisible_batch, micro_batches_per_device

Problems = Callable[..., list[str]]

CONTRADICTIONS = {
    "model.n_heads": ("n_heads: 2", "n_heads: 3"),
    "model.scale_by_sigma": (
        "n_heads: 2}\ngraph: {type: absorb}",
        "n_heads: 2, scale_by_sigma: true}\ngraph: {type: uniform}",
    ),
    "noise.sigma_max": (
        "{type: loglinear}",
        "{type: geometric, sigma_min: 1, sigma_max: 1}",
    ),
    "training.batch_size": ("steps: 100", "steps: 100, batch_size: 33, accum: 2"),
    "training.warmup_steps": ("warmup_steps: 10", "warmup_steps: 101"),
    "training.checkpoint_every": ("checkpoint_every: 50", "checkpoint_every: 101"),
    "sampling.sampler": (
        "training:",
        "sampling: {sampler: first_hitting, denoise: false}\ntraining:",
    ),
    "sampling.temperature": ("training:", "sampling: {temperature: 0}\ntraining:"),
    "sampling.gamma": ("training:", "sampling: {sampler: entropy, gamma: 0.2}\ntraining:"),
    "sampling.top_p": ("training:", "sampling: {top_p: 0.9, precision: float32}\ntraining:"),
    "evaluation.datasets": ("training:", "evaluation: {datasets: [wiki, wiki]}\ntraining:"),
}


@pytest.mark.parametrize("key", CONTRADICTIONS)
def test_a_contradiction_is_reported_at_its_key(problems: Problems, key: str) -> None:
    old, new = CONTRADICTIONS[key]
    assert old in GOOD
    lines = problems(GOOD.replace(old, new))
    assert [line.split(":")[0] for line in lines] == [key]


def test_all_contradictions_are_reported_together_with_other_problems(problems: Problems) -> None:
    text = """\
description: 3
seed: -1
model: {hidden_size: 32, n_blocks: 2, n_heads: 3, scale_by_sigma: true}
graph: {type: uniform}
noise: {type: geometric, sigma_min: 1, sigma_max: 1}
data: {dataset: wiki, tokenizer: text8, length: 32}
training: {steps: 100, warmup_steps: 101, checkpoint_every: 101, batch_size: 33, accum: 2}
sampling: {sampler: first_hitting, top_p: 0.9, temperature: 0, gamma: 0.2}
evaluation: {datasets: [wiki, wiki]}
"""
    keys = {line.split(":")[0] for line in problems(text)}
    assert keys == {"description", "seed", *CONTRADICTIONS}


@pytest.mark.parametrize(
    "change",
    [
        ("{type: absorb}", "{type: uniform}"),
        ("{type: loglinear}", "{type: geometric}"),  # the published code allows it with absorb
        ("n_heads: 2}", "n_heads: 2, scale_by_sigma: false}"),
        ("warmup_steps: 10", "warmup_steps: 100"),
        ("checkpoint_every: 50", "checkpoint_every: 100"),
        ("training:", "sampling: {sampler: first_hitting, top_p: 0.9}\ntraining:"),
        ("training:", "sampling: {sampler: margin, temperature: 0, top_k: 5}\ntraining:"),
        ("training:", "sampling: {sampler: entropy_bound, gamma: 0}\ntraining:"),
        ("steps: 100", "steps: 100, batch_size: 34, accum: 2"),
    ],
)
def test_values_at_the_limit_of_a_rule_are_allowed(
    problems: Problems, change: tuple[str, str]
) -> None:
    assert change[0] in GOOD
    assert problems(GOOD.replace(*change)) == []


def test_a_rule_is_skipped_for_invalid_values(problems: Problems) -> None:
    lines = problems(GOOD.replace("steps: 100", "steps: 100, batch_size: 33, accum: 0"))
    assert [line.split(":")[0] for line in lines] == ["training.accum"]


def test_rules_also_apply_to_an_experiment_created_in_code(here: Path) -> None:
    values = load_experiment("tiny_absorb").sections()
    assert Experiment.model_validate(values) == load_experiment("tiny_absorb")
    values["training"]["warmup_steps"] = values["training"]["steps"] + 1
    with pytest.raises(ValidationError, match=r"at most training\.steps"):
        Experiment.model_validate(values)


@settings(deadline=None)
@given(st.integers(2, 256), st.integers(1, 64))
def test_a_model_is_valid_exactly_if_its_head_size_is_an_even_whole_number(
    hidden_size: int, n_heads: int
) -> None:
    try:
        ModelConfig(hidden_size=hidden_size, n_blocks=1, n_heads=n_heads)
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == (hidden_size % (2 * n_heads) == 0)


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(1, 8), st.integers(1, 16))
def test_the_batch_sizes_suggested_in_the_message_are_valid(
    batch_size: int, accum: int, num_devices: int
) -> None:
    what = indivisible_batch(batch_size, accum, num_devices)
    each = micro_batches_per_device(accum, num_devices)
    assert (what is None) == (batch_size % (each * num_devices) == 0)
    assert each == max(1, math.ceil(accum / num_devices))
    if what is not None:
        suggested = what.split("e.g. ")[1].split(";")[0].split(" or ")
        assert all(indivisible_batch(int(size), accum, num_devices) is None for size in suggested)
