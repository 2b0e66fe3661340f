"""Files of every kind, and what they say of one another."""

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


def told() -> dict[str, list[str]]:
    return {error.source: [str(problem) for problem in error.problems] for error in check_project()}


def test_every_broken_file_has_an_error_of_its_own(here: Path) -> None:
    replace("config/model/medium.yaml", "n_heads: 16", "n_heads: 15")
    replace("config/cluster/local.yaml", "hours: 24", "hours: 0\nqueue: short")
    replace("config/datasets/wiki.yaml", "type: package", "type: pakage")
    replace("config/tables/text8.yaml", "metric: bits_per_character", "metric: bits")
    replace("config/smoke.yaml", "smoke_absorb,", "smoke_absorbb,")
    found = told()
    assert {source: [line.split(":")[0] for line in lines] for source, lines in found.items()} == {
        "config/model/medium.yaml": ["n_heads"],
        # a preset's mistake is also one of the experiments that are built on it
        "config/experiments/sedd_medium_absorb.yaml": ["model"],
        "config/experiments/sedd_medium_uniform.yaml": ["model"],
        "config/cluster/local.yaml": ["hours", "queue"],
        "config/datasets/wiki.yaml": ["source.type"],
        "config/tables/text8.yaml": ["metric"],
        "config/smoke.yaml": ["experiments[0]"],
    }
    assert "did you mean 'smoke_absorb'?" in found["config/smoke.yaml"][0]


def test_a_batch_that_the_clusters_devices_cannot_share_is_told(here: Path) -> None:
    replace("config/config.yaml", "cluster: local", "cluster: slurm")
    replace("config/cluster/slurm.yaml", "gpus_per_node: 1", "gpus_per_node: 3")
    found = told()
    assert found["config/config.yaml"][0].startswith(
        "experiments[0]: tiny_absorb_bpe: training.batch_size: must divide evenly by training.accum 1"
        " shared by 3 devices, 3 parts, e.g. 30 or 33; got 32; the cluster is 'slurm'"
    )
    assert found.keys() == {"config/config.yaml", "config/paper.yaml"}


def test_a_table_names_only_experiments_and_texts_that_are_there(here: Path) -> None:
    Path("config/experiments/tiny_uniform.yaml").unlink()
    Path("config/datasets/text8.yaml").unlink()
    lines = told()["config/tables/text8.yaml"]
    assert any("there is no config/experiments/tiny_uniform.yaml" in line for line in lines)
    assert any("there is no config/datasets/text8.yaml" in line for line in lines)


def test_one_file_can_be_checked_alone(here: Path) -> None:
    replace("config/model/small.yaml", "n_heads: 12", "n_heads: 13")
    assert check_project([Path("config/model/tiny.yaml")]) == []
    (error,) = check_project([Path("config/model/small.yaml")])
    assert error.source == "config/model/small.yaml"


def test_a_file_whose_folder_does_not_say_what_it_is_is_told(here: Path) -> None:
    Path("mine.yaml").write_text(Path("config/experiments/tiny_absorb.yaml").read_text())
    (error,) = check_project([Path("mine.yaml")])
    assert "the kind of file is not clear from its folder; known are config/experiments," in str(
        error
    )
    Path("build.yaml").write_text(Path("config/smoke.yaml").read_text())
    assert check_project([Path("build.yaml")]) == []


def test_a_runs_own_settings_can_be_checked(here: Path) -> None:
    made = load_experiment("tiny_absorb", ["seed=5"], rename="other")
    path = run_dir("other") / "config.yaml"
    write_resolved(made, path)
    assert check_project([path]) == []
    replace(str(path), "accum: 1", "accum: 0")
    (error,) = check_project([path])
    assert [problem.where for problem in error.problems] == ["training.accum"]


def test_a_file_that_is_not_there_is_told(here: Path) -> None:
    (error,) = check_project([Path("config/experiments/none.yaml")])
    assert "there is no such file" in str(error)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("{type: hub, repo: a/b}", "{type: file, files: {train: x.txt}}", "format.type"),
        ("{type: rows}", "{type: text}", "format.type"),
        ("{type: named, train: train}", "{type: hash}", "splits.part"),
        (
            "{type: named, train: train}",
            "{type: hash, part: train, validation: 0.5, test: 0.5}",
            "splits.validation",
        ),
    ],
)
def test_contradictions_of_a_data_set(here: Path, old: str, new: str, key: str) -> None:
    path = Path("config/datasets/mine.yaml")
    path.write_text(HUB)
    assert check_project([path]) == []
    replace(str(path), old, new)
    (error,) = check_project([path])
    assert [problem.where for problem in error.problems] == [key]


@pytest.mark.parametrize(
    "splits", ["{type: named, test: x}", "{type: hash, part: x}", "{type: hash}"]
)
def test_splits_name_parts_that_the_files_have(here: Path, splits: str) -> None:
    path = Path("config/datasets/mine.yaml")
    path.write_text(
        HUB.replace("{type: hub, repo: a/b}", "{type: file, files: {a: a.txt, b: b.txt}}")
        .replace("{type: rows}", "{type: text}")
        .replace("{type: named, train: train}", splits)
    )
    (error,) = check_project([path])
    assert "must be one of the source's parts: a, b; got" in str(error)


def test_a_build_is_taken_as_snakemake_has_read_it(here: Path) -> None:
    made = load_project({"experiments": ["tiny_absorb"], "tables": ["text8"]})
    assert (made.experiments, made.tables, made.cluster) == (("tiny_absorb",), ("text8",), "local")


def test_mistakes_of_a_build_are_told_at_once(here: Path) -> None:
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
    """In a process of its own: the others' tests have loaded it here."""
    code = "import sys, sedd.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
