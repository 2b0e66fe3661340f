from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.experiment_file import shipped_names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from sedd.config import Experiment, load_experiment, load_subject, resolved_yaml, write_resolved
from sedd.config.load_experiment import experiment_from
from sedd.paths import run_dir

EXPERIMENTS = shipped_names("experiments")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_written_experiment_is_read_back_equal(here: Path, name: str) -> None:
    experiment = load_subject(name, ["seed=12345"], rename="copy")
    path = run_dir("copy") / "config.yaml"
    write_resolved(experiment, path)
    assert load_subject("copy") == experiment
    assert experiment_from(path).sha256() == experiment.sha256()


def test_a_run_is_read_without_the_files_it_was_created_from(here: Path) -> None:
    experiment = load_experiment("tiny_absorb", ["seed=5"], rename="alone")
    write_resolved(experiment, run_dir("alone") / "config.yaml")
    (here / "config").rename(here / "gone")
    assert load_experiment("alone") == experiment


def test_the_written_file_has_every_key(here: Path) -> None:
    text = resolved_yaml(load_experiment("tiny_absorb"))
    assert YAML(typ="safe", pure=True).load(text) == load_experiment("tiny_absorb").sections()
    assert "preset" not in YAML(typ="safe", pure=True).load(text)["model"]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)
@given(
    description=st.text(min_size=1),
    lr=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    eps=st.floats(min_value=1e-300, max_value=1),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_text_and_number_survive_the_round_trip(
    here: Path, description: str, lr: float, eps: float, seed: int
) -> None:
    values = load_experiment("tiny_absorb").sections()
    values |= {"name": "odd", "description": description, "seed": seed}
    values["training"] |= {"lr": lr, "eps": eps}
    experiment = Experiment.model_validate(values)
    write_resolved(experiment, run_dir("odd") / "config.yaml")
    assert load_experiment("odd") == experiment


def test_the_plain_values_are_json_and_give_the_same_experiment(here: Path) -> None:
    """Checkpoints store an experiment in this form."""
    experiment = load_experiment("tiny_absorb", ["seed=5"], rename="other")
    assert Experiment.model_validate(json.loads(json.dumps(experiment.sections()))) == experiment
