"""What a cluster file may say, and what it may not."""

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


def told(text: str) -> list[str]:
    Path("config/cluster/mine.yaml").write_text(text)
    try:
        load_cluster("mine")
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_devices_are_the_processes_of_all_nodes(here: Path) -> None:
    assert told(LOCAL) == told(SLURM) == []
    assert load_cluster("mine").num_devices == 8
    assert told(LOCAL) == []
    assert load_cluster("mine").num_devices == 1
    assert told(LOCAL + "gpus_per_node: 0\nprocesses_per_node: 2\n") == []
    assert load_cluster("mine").num_devices == 2


def test_hours_may_be_parts_of_an_hour_and_schedulers_get_whole_minutes(here: Path) -> None:
    told(SLURM)
    assert load_cluster("mine").minutes == 61
    told(LOCAL)
    assert load_cluster("mine").minutes == 30


@pytest.mark.parametrize(
    ("text", "change", "key", "words"),
    [
        (LOCAL, "nodes: 2", "nodes", "must be 1 with executor local"),
        (LOCAL, "partition: main", "partition", "is for executor slurm"),
        (LOCAL, "account: lab", "account", "is for executor slurm"),
        (LOCAL, "qos: high", "qos", "is for executor slurm"),
        (LOCAL, "constraint: a100", "constraint", "is for executor slurm"),
        (LOCAL, "setup: [module load x]", "setup", "is for executor slurm"),
        (LOCAL, "extra: {nice: 1}", "extra", "is for executor slurm"),
        (LOCAL, "processes_per_node: 2", "gpus_per_node", "must be a number with 2 processes"),
        (LOCAL, "notice_seconds: 1800", "notice_seconds", "below the job's time, 1800 seconds"),
        (SLURM, "processes_per_node: 2", "gpus_per_node", "must be 0 or processes_per_node, 2"),
    ],
)
def test_a_contradiction_is_told_at_its_key(
    here: Path, text: str, change: str, key: str, words: str
) -> None:
    (line,) = told(text + change + "\n")
    assert line.startswith(f"{key}: ")
    assert words in line


def test_a_slurm_job_says_how_many_gpus_it_takes(here: Path) -> None:
    (line,) = told(SLURM.replace("gpus_per_node: 4\n", ""))
    assert line.startswith("gpus_per_node: must be a number with executor slurm, 0 for")


def test_other_options_of_sbatch_may_not_be_those_with_keys_of_their_own(here: Path) -> None:
    (line,) = told(SLURM.replace("exclude: node7", "cpus_per_task: 3, time: 5"))
    assert line.startswith("extra: must leave cpus_per_task, time to the other keys")
    (line,) = told(SLURM.replace("node7", "[a, b]"))
    assert line.startswith("extra.exclude")
