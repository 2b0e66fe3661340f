"""A changed experiment needs a new name, which cannot lead out of the folder of runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sedd.config import Experiment, load_experiment, write_resolved
from sedd.config.values import NAME
from sedd.errors import ConfigError
from sedd.paths import run_dir


def run(experiment: Experiment) -> Experiment:
    """Write the resolved config into the run's folder, as training does."""
    write_resolved(experiment, run_dir(experiment.name) / "config.yaml")
    return experiment


def test_a_changed_experiment_needs_a_name(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"training\.lr=1 changes .* with --name"):
        load_experiment("tiny_absorb", ["training.lr=1"])


def test_a_changed_experiment_cannot_keep_the_name_it_had(here: Path) -> None:
    with pytest.raises(ConfigError, match="--name"):
        load_experiment("tiny_absorb", ["training.lr=1"], rename="tiny_absorb")


def test_a_changed_experiment_that_is_only_shown_may_keep_its_name(here: Path) -> None:
    experiment = load_experiment("tiny_absorb", ["training.lr=1"], writes=False)
    assert (experiment.name, experiment.training.lr) == ("tiny_absorb", 1)


def test_overrides_that_change_nothing_need_no_name(here: Path) -> None:
    before = load_experiment("tiny_absorb")
    assert load_experiment("tiny_absorb", [f"training.lr={before.training.lr}"]) == before


def test_a_renamed_experiment_records_its_origin(here: Path) -> None:
    experiment = load_experiment("tiny_absorb", ["training.lr=1"], rename="fast")
    assert (experiment.name, experiment.base, experiment.overrides) == (
        "fast",
        "tiny_absorb",
        ("training.lr=1",),
    )


def test_a_renamed_run_is_found_by_its_name(here: Path) -> None:
    experiment = run(load_experiment("tiny_absorb", ["training.lr=1"], rename="fast"))
    assert load_experiment("fast") == experiment
    again = load_experiment("fast", ["training.accum=2"], rename="faster")
    assert (again.base, again.training.lr, again.training.accum) == ("fast", 1, 2)


def test_the_same_command_can_resume_in_its_folder(here: Path) -> None:
    experiment = run(load_experiment("tiny_absorb", ["training.lr=1", "seed=2"], rename="fast"))
    again = load_experiment("tiny_absorb", ["seed=2", "training.lr=1"], rename="fast")
    assert again.training == experiment.training


def test_a_run_with_other_weights_cannot_use_the_same_folder(here: Path) -> None:
    run(load_experiment("tiny_absorb", ["training.lr=1"], rename="fast"))
    with pytest.raises(ConfigError, match=r"fast holds another run, tiny_absorb training\.lr=1"):
        load_experiment("tiny_absorb", ["training.lr=2"], rename="fast")


def test_other_samples_of_the_same_weights_can_use_the_same_folder(here: Path) -> None:
    run(load_experiment("tiny_absorb", ["training.lr=1"], rename="fast"))
    overrides = ["training.lr=1", "sampling.steps=7"]
    assert load_experiment("tiny_absorb", overrides, rename="fast").sampling.steps == 7


def test_the_name_of_another_experiment_is_taken(here: Path) -> None:
    with pytest.raises(ConfigError, match="an experiment of its own"):
        load_experiment("tiny_absorb", ["training.lr=1"], rename="tiny_uniform")


BAD_NAMES = ["", ".", "..", "../x", "a/b", "/etc/passwd", "-x", ".x", "a\n", "a b", "é", "x" * 101]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_cannot_leave_the_folder_of_runs(here: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="must be letters, digits"):
        load_experiment(name)
    with pytest.raises(ConfigError, match="must be letters, digits"):
        load_experiment("tiny_absorb", ["training.lr=1"], rename=name)


@settings(deadline=None)
@given(st.from_regex(NAME, fullmatch=True))
def test_every_allowed_name_is_one_folder_below_the_runs(name: str) -> None:
    assert (Path("/p") / run_dir(name)).resolve().parent == Path("/p/results/runs")


@pytest.mark.parametrize(
    "override",
    [
        "data.dataset=../x",
        "data.tokenizer=../x",
        "data.tokenizer=..",
        "evaluation.datasets=[../x]",
        "model=../../x",
    ],
)
def test_no_key_that_names_a_folder_can_lead_out_of_it(here: Path, override: str) -> None:
    (here / "x.yaml").write_text("hidden_size: 32\nn_blocks: 1\nn_heads: 1\n")
    with pytest.raises(ConfigError, match="must be"):
        load_experiment("tiny_absorb", [override], rename="other")


def test_a_run_folder_whose_file_has_another_name_is_refused(here: Path) -> None:
    experiment = load_experiment("tiny_absorb", ["training.lr=1"], rename="fast")
    write_resolved(experiment, run_dir("moved") / "config.yaml")
    with pytest.raises(ConfigError, match="name: must be the folder's name, 'moved'; got 'fast'"):
        load_experiment("moved")
