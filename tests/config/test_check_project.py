"""Check of all configuration files, of every kind, and of the names of other files in them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sedd.config import (
    check_project,
    load_experiment,
    load_project,
    write_resolved,
)
from sedd.errors import ConfigError
from sedd.paths import run_dir

HUB = """\
description: x
licence: x
source: {type: hub, repo: a/b}
format: {type: rows}
splits: {type: named, train: train}
"""


def replace(path: str, old: str, new: str) -> None:
    file = Path(path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def problems() -> dict[str, list[str]]:
    return {error.source: [str(problem) for problem in error.problems] for error in check_project()}


def test_each_invalid_file_has_its_own_error(here: Path) -> None:
    replace("config/model/medium.yaml", "n_heads: 16", "n_heads: 15")
    replace("config/cluster/local.yaml", "hours: 24", "hours: 0\nqueue: short")
    replace("config/datasets/wiki.yaml", "type: package", "type: pakage")
    replace("config/tables/text8.yaml", "metric: bits_per_character", "metric: bits")
    replace("config/smoke.yaml", "smoke_absorb,", "smoke_absorbb,")
    lines = problems()
    assert {source: [line.split(":")[0] for line in own] for source, own in lines.items()} == {
        "config/model/medium.yaml": ["n_heads"],
        # a problem of a preset is also reported for its experiments
        "config/experiments/sedd_medium_absorb.yaml": ["model"],
        "config/experiments/sedd_medium_uniform.yaml": ["model"],
        "config/cluster/local.yaml": ["hours", "queue"],
        "config/datasets/wiki.yaml": ["source.type"],
        "config/tables/text8.yaml": ["metric"],
        "config/smoke.yaml": ["experiments[0]"],
    }
    assert "did you mean 'smoke_absorb'?" in lines["config/smoke.yaml"][0]


def test_a_batch_not_divisible_by_the_devices_of_the_cluster_is_reported(here: Path) -> None:
    replace("config/config.yaml", "cluster: local", "cluster: slurm")
    replace("config/cluster/slurm.yaml", "gpus_per_node: 1", "gpus_per_node: 3")
    lines = problems()
    assert lines["config/config.yaml"][0].startswith(
        "experiments[0]: tiny_wiki: training.batch_size: must be divisible by training.accum 1"
        " on 3 devices, 3 micro-batches, e.g. 30 or 33; got 32; the cluster is 'slurm'"
    )
    assert lines.keys() == {"config/config.yaml", "config/paper.yaml"}


def test_missing_experiments_and_datasets_of_a_table_are_reported(here: Path) -> None:
    Path("config/experiments/tiny_uniform.yaml").unlink()
    Path("config/datasets/text8.yaml").unlink()
    lines = problems()["config/tables/text8.yaml"]
    assert any("there is no config/experiments/tiny_uniform.yaml" in line for line in lines)
    assert any("there is no config/datasets/text8.yaml" in line for line in lines)


def test_one_file_can_be_checked_alone(here: Path) -> None:
    replace("config/model/small.yaml", "n_heads: 12", "n_heads: 13")
    assert check_project([Path("config/model/tiny.yaml")]) == []
    (error,) = check_project([Path("config/model/small.yaml")])
    assert error.source == "config/model/small.yaml"


def test_a_file_of_unknown_kind_is_reported(here: Path) -> None:
    Path("mine.yaml").write_text(Path("config/experiments/tiny_absorb.yaml").read_text())
    (error,) = check_project([Path("mine.yaml")])
    assert "the kind of file is not clear from its folder; known are config/experiments," in str(
        error
    )
    Path("build.yaml").write_text(Path("config/smoke.yaml").read_text())
    assert check_project([Path("build.yaml")]) == []


def test_the_resolved_config_of_a_run_can_be_checked(here: Path) -> None:
    experiment = load_experiment("tiny_absorb", ["seed=5"], rename="other")
    path = run_dir("other") / "config.yaml"
    write_resolved(experiment, path)
    assert check_project([path]) == []
    replace(str(path), "accum: 1", "accum: 0")
    (error,) = check_project([path])
    assert [problem.where for problem in error.problems] == ["training.accum"]


def test_a_missing_file_is_reported(here: Path) -> None:
    (error,) = check_project([Path("config/experiments/none.yaml")])
    assert "there is no such file" in str(error)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("{type: rows}", "{type: text}", "format.type"),
        ("{type: named, train: train}", "{type: hash}", "splits.part"),
        (
            "{type: named, train: train}",
            "{type: hash, part: train, validation: 0.5, test: 0.5}",
            "splits.validation",
        ),
    ],
)
def test_contradictions_in_a_dataset(here: Path, old: str, new: str, key: str) -> None:
    path = Path("config/datasets/mine.yaml")
    path.write_text(HUB)
    assert check_project([path]) == []
    replace(str(path), old, new)
    (error,) = check_project([path])
    assert [problem.where for problem in error.problems] == [key]


@pytest.mark.parametrize(
    "splits", ["{type: named, test: x}", "{type: hash, part: x}", "{type: hash}"]
)
def test_splits_must_name_parts_of_the_source(here: Path, splits: str) -> None:
    path = Path("config/datasets/mine.yaml")
    path.write_text(
        HUB.replace("{type: hub, repo: a/b}", "{type: file, files: {a: a.txt, b: b.txt}}")
        .replace("{type: rows}", "{type: text}")
        .replace("{type: named, train: train}", splits)
    )
    (error,) = check_project([path])
    assert "must be one of the source's parts: a, b; got" in str(error)


def test_a_build_can_be_loaded_from_the_values_that_snakemake_has_read(here: Path) -> None:
    project = load_project({"experiments": ["tiny_absorb"], "tables": ["text8"]})
    assert (project.experiments, project.tables, project.cluster) == (
        ("tiny_absorb",),
        ("text8",),
        "local",
    )


def test_all_problems_of_a_build_are_reported_together(here: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project(
            {"experiments": ["tiny_absorbb"], "tables": "text8", "clusters": 1, "cluster": "x"}
        )
    assert [problem.where for problem in caught.value.problems] == [
        "cluster",
        "clusters",
        "experiments[0]",
        "tables",
    ]


def test_configuration_is_read_without_torch() -> None:
    """In a new process, because other tests have imported torch in this one."""
    code = "import sys, sedd.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
