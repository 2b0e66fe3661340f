"""Sweeps: their runs, and their mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sedd.config import load_experiment, load_project, load_sweep
from sedd.config.check import check_file
from sedd.config.definition import known_names
from sedd.config.sweep import spelled
from sedd.errors import ConfigError

GRID = """\
description: for a test
base: smoke_absorb
grid: {training.lr: [0.001, 3e-5], graph.type: [absorb]}
seeds: [1, 2]
"""


def sweep(text: str, name: str = "s") -> Path:
    path = Path(f"config/sweeps/{name}.yaml")
    path.write_text(text)
    return path


def problems(path: Path) -> list[str]:
    try:
        check_file(path)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_run_is_its_base_with_a_point_of_the_grid_and_a_seed(here: Path) -> None:
    assert problems(sweep(GRID)) == []
    names = [member.name for member in load_sweep("s").members()]
    assert names == [
        *("s-lr_0.001-type_absorb-seed_1", "s-lr_0.001-type_absorb-seed_2"),
        *("s-lr_3e-05-type_absorb-seed_1", "s-lr_3e-05-type_absorb-seed_2"),
    ]
    run = load_experiment(names[3])
    assert (run.training.lr, run.seed, run.base) == (3e-5, 2, "smoke_absorb")
    assert run == load_experiment("smoke_absorb", run.overrides, rename=names[3])
    assert set(names) < set(known_names())


def test_a_sweep_without_seeds_has_that_of_its_base_and_one_without_grid_only_seeds(
    here: Path,
) -> None:
    sweep(GRID.replace("seeds: [1, 2]\n", ""))
    assert load_sweep("s").members()[0].name == "s-lr_0.001-type_absorb"
    sweep("description: d\nbase: smoke_absorb\nseeds: [3]\n")
    assert [(one.name, one.overrides) for one in load_sweep("s").members()] == [
        ("s-seed_3", ("seed=3",))
    ]


@pytest.mark.parametrize(
    ("value", "name"),
    [(True, "true"), (None, "null"), ({"type": "geometric", "sigma_min": 1e-4}, "geometric_0.0001"),
     (["wiki", "kjv"], "wiki_kjv"), ("a/b c", "a_b_c")],
)  # fmt: skip
def test_a_value_is_readable_in_a_name(value: object, name: str) -> None:
    assert spelled(value) == name


def test_keys_that_end_alike_are_spelled_in_full(here: Path) -> None:
    sweep(
        "description: d\nbase: smoke_absorb\ngrid: {graph.type: [absorb], noise.type: [loglinear]}"
    )
    assert load_sweep("s").members()[0].name == "s-graph.type_absorb-noise.type_loglinear"


def test_all_mistakes_of_a_grid_are_found_at_once_each_at_its_line(here: Path) -> None:
    path = sweep(
        "description: d\nbase: smoke_absorb\ngrid:\n  training.lrr: [1]\n"
        "  training.lr: [0.1, -1]\n  training.steps: [10, 60]\n"
    )
    found = problems(path)
    assert len(found) == 3
    assert found[0].startswith(
        "grid: training.checkpoint_every: must be at most training.steps, 10"
    )
    assert "training.lrr: unknown key; did you mean 'lr'?" in found[1]
    assert found[1].endswith("[line 4]")
    assert "grid.training.lr[1]: training.lr: must be above 0, got -1" in found[2]
    assert found[2].endswith("[line 5]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GRID.replace("0.001, 3e-5", "0.1, 0.10"), "2 settings have the name s-lr_0.1-type_absorb"),
        (GRID.replace("smoke_absorb", "smoke_absorbs"), "did you mean 'smoke_absorb'?"),
        (GRID.replace("smoke_absorb", "gpt2"), "gpt2 is a pretrained model"),
        (GRID.replace("graph.type: [absorb]", "seed: [1]"), "seed list them in `seeds`"),
        (GRID.replace("[1, 2]", "[1, 1]"), "got 1 twice"),
        ("description: d\nbase: smoke_absorb\n", "must name a setting to vary"),
        (GRID.replace("absorb]", f"{'x' * 90}]"), "a run would be named"),
        (GRID.replace("[1, 2]", str([*range(101)])), "must give at most 200 runs; got 202"),
    ],
)  # fmt: skip
def test_a_bad_sweep_is_refused(here: Path, text: str, message: str) -> None:
    assert any(message in problem for problem in problems(sweep(text)))


def test_a_run_has_a_name_of_its_own(here: Path) -> None:
    path = sweep(GRID)
    text = Path("config/experiments/smoke_absorb.yaml").read_text()
    Path("config/experiments/s-lr_0.001-type_absorb-seed_1.yaml").write_text(text)
    assert "rename one of the two files" in problems(path)[0]
    with pytest.raises(ConfigError, match=r"is a run of config/sweeps/s\.yaml"):
        load_experiment("tiny_absorb", ["seed=5"], rename="s-lr_0.001-type_absorb-seed_2")


def test_a_build_names_sweeps_their_runs_and_runs_of_the_command_line(here: Path) -> None:
    sweep(GRID)
    run = Path("results/runs/gentle")
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    names = ["gentle", "s-lr_0.001-type_absorb-seed_1"]
    assert load_project({"experiments": names, "sweeps": ["s"]}).sweeps == ("s",)
    with pytest.raises(
        ConfigError, match=r"(?s)no run 'gently'.*did you mean 'gentle'.*sweeps\[0\]"
    ):
        load_project({"experiments": ["gently"], "sweeps": ["t"]})
    with pytest.raises(ConfigError, match="at least one experiment"):
        load_project({})
