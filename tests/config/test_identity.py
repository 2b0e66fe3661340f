"""Hash of an experiment, and the identity of its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.experiment_file import GOOD

from sedd.config import (
    checkpoint_steps,
    load_experiment,
    section_sha256,
    training_identity,
)

REORDERED = """\
# a new comment
training:
  checkpoint_every: 50   # a comment
  warmup_steps: 1.0e+1
  steps: 100
data: {tokenizer: text8, dataset: wiki, length: 32}
noise: {type: "loglinear"}
graph:
  type: absorb
model: {n_heads: 2, hidden_size: 32, n_blocks: 2}
description: 'for a test'
""".replace("1.0e+1", "10")


def test_hashes_ignore_comments_quotes_and_the_order_of_keys(
    write: Callable[[str], None],
) -> None:
    write(GOOD)
    before = load_experiment("mine")
    write(REORDERED)
    after = load_experiment("mine")
    assert after.sha256() == before.sha256()
    assert section_sha256(after, "training", "data") == section_sha256(before, "training", "data")


def test_a_section_hash_depends_only_on_its_sections(here: Path) -> None:
    before = load_experiment("tiny_absorb")
    after = load_experiment("tiny_absorb", ["sampling.steps=7"], writes=False)
    assert section_sha256(after, "training") == section_sha256(before, "training")
    assert section_sha256(after, "sampling") != section_sha256(before, "sampling")
    assert after.sha256() != before.sha256()


def test_the_hash_is_computed_from_canonical_json() -> None:
    import hashlib

    expected = hashlib.sha256('{"a":[1,2.5,null],"b":"é"}'.encode()).hexdigest()
    assert section_sha256({"b": "é", "a": [1, 2.5, None]}) == expected


WEIGHTS_CHANGE = [
    "seed=2",
    "model.dropout=0.5",
    "model=small",
    "graph.type=uniform training.output_init=zero",
    "noise.eps=0.01",
    "noise.type=geometric",
    "data.dataset=kjv",
    "data.length=64",
    "training.batch_size=32",
    "training.accum=2",
    "training.lr=0.5",
    "training.beta1=0.5",
    "training.beta2=0.5",
    "training.eps=0.5",
    "training.weight_decay=0.5",
    "training.warmup_steps=50",
    "training.decay_fraction=0.5",
    "training.grad_clip=0.5",
    "training.ema_decay=0.5",
    "training.time_eps=0.5",
    "training.vocabulary_draws=64",
    "training.time_density=uniform",
    "training.time_sampling=independent",
    "training.precision=bfloat16",
    "training.compile=true",
    "training.init=tiny_uniform",
    "training.output_init=zero",
    "training.output_init=equal",
    "objective.type=lambda_dce",
]
WEIGHTS_STAY = [
    "training.skip_nonfinite=3",
    "description=another",
    "training.checkpoint_every=500",
    "training.save_every=10",
    "training.keep_last=5",
    "training.log_every=1",
    "training.validate_every=7",
    "training.validation_sequences=8",
    "objective.type=score_entropy",  # the default
    "sampling.steps=7",
    "evaluation.num_draws=7",
    "evaluation.datasets=[wiki,kjv]",
    "model.scale_by_sigma=true",  # the default for absorb
]


@pytest.mark.parametrize("override", WEIGHTS_CHANGE)
def test_keys_that_change_the_weights_change_the_identity(here: Path, override: str) -> None:
    after = load_experiment("tiny_absorb", override.split(), rename="other")
    assert training_identity(after) != training_identity(load_experiment("tiny_absorb"))


@pytest.mark.parametrize("override", WEIGHTS_STAY)
def test_keys_that_do_not_change_the_weights_leave_the_identity(here: Path, override: str) -> None:
    after = load_experiment("tiny_absorb", [override], rename="other")
    assert training_identity(after) == training_identity(load_experiment("tiny_absorb"))


def test_every_training_key_is_in_one_of_the_two_lists() -> None:
    from sedd.config.sections.training import Training

    listed = {
        line.split("=")[0].removeprefix("training.") for line in WEIGHTS_CHANGE + WEIGHTS_STAY
    }
    assert Training.model_fields.keys() - listed == {"steps", "init_weights"}  # the next tests


def test_the_choice_of_the_initial_weights_changes_the_identity(here: Path) -> None:
    init = "training.init=tiny_uniform"
    last = load_experiment("tiny_absorb", [init, "training.init_weights=last"], rename="last")
    average = load_experiment("tiny_absorb", [init], rename="average")
    assert training_identity(last) != training_identity(average)


@pytest.mark.parametrize(("decay", "same"), [(0, True), (0.5, False)])
def test_the_number_of_steps_counts_only_with_learning_rate_decay(
    here: Path, decay: float, same: bool
) -> None:
    short, long = (
        load_experiment(
            "tiny_absorb",
            [f"training.steps={steps}", f"training.decay_fraction={decay}"],
            writes=False,
        )
        for steps in (2000, 2500)
    )
    assert (training_identity(short) == training_identity(long)) is same


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [(100, 50, [50, 100]), (100, 40, [40, 80, 100]), (100, 100, [100]), (3, 1, [1, 2, 3])],
)
def test_checkpoints_are_at_every_multiple_and_at_the_last_step(
    here: Path, steps: int, every: int, expected: list[int]
) -> None:
    overrides = [
        f"training.steps={steps}",
        f"training.checkpoint_every={every}",
        "training.warmup_steps=0",
    ]
    assert checkpoint_steps(load_experiment("tiny_absorb", overrides, writes=False)) == expected
