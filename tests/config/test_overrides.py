from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from helpers.experiment_file import GOOD

from sedd.config import load_experiment
from sedd.errors import ConfigError

Problems = Callable[..., list[str]]


def changed(name: str, *overrides: str):
    return load_experiment(name, overrides, rename="other")


def test_values_are_yaml(here: Path) -> None:
    experiment = changed(
        "tiny_absorb",
        "training.lr=3e-4",
        "training.accum=2",
        "training.compile=true",
        "sampling.length=null",
        "evaluation.datasets=[wiki,kjv]",
        "description=two words",
    )
    assert experiment.training.lr == 0.0003
    assert (experiment.training.accum, experiment.training.compile) == (2, True)
    assert experiment.sampling.length is None
    assert experiment.evaluation.datasets == ("wiki", "kjv")
    assert experiment.description == "two words"


def test_nothing_but_the_overridden_keys_changes(here: Path) -> None:
    before, after = load_experiment("tiny_absorb"), changed("tiny_absorb", "training.lr=0.5")
    expected = before.sections()
    expected["training"]["lr"] = 0.5
    expected |= {"name": "other", "base": "tiny_absorb", "overrides": ["training.lr=0.5"]}
    assert after.sections() == expected


def test_a_preset_replaces_the_network_and_a_key_changes_one_value(here: Path) -> None:
    small = load_experiment("sedd_small_absorb").model
    assert changed("tiny_absorb", "model=small").model == small
    assert changed("smoke_absorb", "model.preset=small").model == small
    assert changed("tiny_absorb", "model.dropout=0.5").model.hidden_size == 64


def test_a_new_type_clears_its_section(here: Path) -> None:
    """The file sets noise.eps, and geometric noise has no such key."""
    noise = changed("tiny_absorb", "noise.type=geometric").noise
    assert (noise.type, noise.sigma_min, noise.sigma_max) == ("geometric", 0.0001, 20)


def test_the_order_of_overrides_does_not_matter(here: Path) -> None:
    overrides = ("noise.sigma_max=5", "noise.type=geometric", "model.dropout=0.5", "model=small")
    experiments = [changed("tiny_absorb", *order) for order in permutations(overrides)]
    assert all(one.noise.sigma_max == 5 and one.model.dropout == 0.5 for one in experiments)
    assert len({one.model_copy(update={"overrides": ()}) for one in experiments}) == 1


def test_problems_of_overrides_and_of_the_file_are_reported_together(problems: Problems) -> None:
    lines = problems(
        GOOD.replace("n_blocks: 2", "n_blocks: 0"),
        "training.lrr=1",
        "training.batch_size=17",
        "training.accum=2",
        "data.dataset=kjw",
        "seed.x=1",
        "evaluation.datasets=[",
        "nonsense",
        "x=",
        "sampling.steps=1",
        "sampling.steps=2",
    )
    assert lines == [
        "data.dataset: there is no config/datasets/kjw.yaml; did you mean 'kjv'? (on the command line)",
        "evaluation.datasets=[: not YAML: expected the node content, but found '<stream end>'"
        " (on the command line)",
        "nonsense: must be key=value, such as training.lr=0.001 (on the command line)",
        "sampling.steps=2: sampling.steps is set twice; set it once (on the command line)",
        "seed: must be a whole number, got a mapping (on the command line)",
        "training.batch_size: must be divisible by training.accum 2, e.g. 16 or 18; got 17"
        " (on the command line)",
        "training.lrr: unknown key; did you mean 'lr'? (on the command line)",
        "x=: has no value; write x=VALUE, or x=null for none (on the command line)",
        "model.n_blocks: must be at least 1, got 0    [line 2]",
    ]


def test_a_key_inside_a_plain_value_is_refused(problems: Problems) -> None:
    lines = problems(GOOD + "seed: 1\nevaluation: {datasets: [wiki]}\n", "seed.x=1")
    assert lines == ["seed.x: seed is not a section (on the command line)"]
    lines = problems(GOOD + "evaluation: {datasets: [wiki]}\n", "evaluation.datasets.first=kjv")
    assert lines == [
        "evaluation.datasets.first: evaluation.datasets is a list; set all of it"
        " (on the command line)"
    ]


def test_an_override_can_fix_a_file(write: Callable[[str], None]) -> None:
    write(GOOD.replace("steps: 100", "steps: 0"))
    assert changed("mine", "training.steps=50").training.steps == 50


def test_overrides_construct_no_objects(here: Path) -> None:
    mark = here / "executed"
    with pytest.raises(ConfigError, match="a tag"):
        changed("tiny_absorb", f"seed=!!python/object/apply:os.mkdir [{mark}]")
    assert not mark.exists()
