"""Rules for cluster files."""

from __future__ import annotations

from pathlib import Path

import pytest

from sedd.config import load_cluster
from sedd.errors import ConfigError

LOCAL = """\
description: this machine
executor: local
cpus_per_task: 2
mem_gb: 4
hours: 0.5
"""
SLURM = """\
description: two nodes of four
executor: slurm
nodes: 2
gpus_per_node: 4
cpus_per_task: 8
mem_gb: 64
hours: 1.01
partition: main
setup: [module load cuda]
extra: {exclude: node7, exclusive: true, nice: 10}
"""


def problems(text: str) -> list[str]:
    Path("config/cluster/mine.yaml").write_text(text)
    try:
        load_cluster("mine")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_the_devices_are_the_processes_of_all_nodes(here: Path) -> None:
    assert problems(LOCAL) == problems(SLURM) == []
    assert load_cluster("mine").num_devices == 8
    assert problems(LOCAL) == []
    assert load_cluster("mine").num_devices == 1
    assert problems(LOCAL + "gpus_per_node: 0\nprocesses_per_node: 2\n") == []
    assert load_cluster("mine").num_devices == 2


def test_fractional_hours_are_rounded_up_to_minutes(here: Path) -> None:
    problems(SLURM)
    assert load_cluster("mine").minutes == 61
    problems(LOCAL)
    assert load_cluster("mine").minutes == 30


@pytest.mark.parametrize(
    ("text", "change", "key", "words"),
    [
        (LOCAL, "nodes: 2", "nodes", "must be 1 with executor local"),
        (LOCAL, "partition: main", "partition", "is only for executor slurm"),
        (LOCAL, "account: lab", "account", "is only for executor slurm"),
        (LOCAL, "qos: high", "qos", "is only for executor slurm"),
        (LOCAL, "constraint: a100", "constraint", "is only for executor slurm"),
        (LOCAL, "setup: [module load x]", "setup", "is only for executor slurm"),
        (LOCAL, "extra: {nice: 1}", "extra", "is only for executor slurm"),
        (LOCAL, "processes_per_node: 2", "gpus_per_node", "must be a number with 2 processes"),
        (
            LOCAL,
            "notice_seconds: 1800",
            "notice_seconds",
            "below the job's time limit, 1800 seconds",
        ),
        (SLURM, "processes_per_node: 2", "gpus_per_node", "must be 0 or processes_per_node, 2"),
    ],
)
def test_a_contradiction_is_reported_at_its_key(
    here: Path, text: str, change: str, key: str, words: str
) -> None:
    (line,) = problems(text + change + "\n")
    assert line.startswith(f"{key}: ")
    assert words in line


def test_a_slurm_cluster_needs_a_number_of_gpus(here: Path) -> None:
    (line,) = problems(SLURM.replace("gpus_per_node: 4\n", ""))
    assert line.startswith("gpus_per_node: must be a number with executor slurm, 0 for")


def test_extra_sbatch_options_must_not_repeat_other_keys(here: Path) -> None:
    (line,) = problems(SLURM.replace("exclude: node7", "cpus_per_task: 3, time: 5"))
    assert line.startswith("extra: must not set cpus_per_task, time: use the other keys")
    (line,) = problems(SLURM.replace("node7", "[a, b]"))
    assert line.startswith("extra.exclude")
