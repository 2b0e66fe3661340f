"""Rules for cluster files."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML
from submitit.slurm.slurm import _make_sbatch_string

from sedd.config import ClusterConfig, load_cluster
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
    (line,) = problems(SLURM.replace("exclude: node7", "cpus_per_task: 3, time: 5, parsable: true"))
    assert line.startswith(
        "extra: must not set cpus_per_task: use the key cpus_per_task; parsable: sedd sets it; "
        "time: use the key hours"
    )
    (line,) = problems(SLURM.replace("node7", "[a, b]"))
    assert line.startswith("extra.exclude")


@pytest.mark.parametrize(
    "key", ["gres", "gpus", "gpus_per_task", "mem-per-gpu", "gre", "gpus-per-n"]
)
def test_gpus_are_never_asked_for_beside_their_own_key(here: Path, key: str) -> None:
    for gpus in ("0", "4", "a100:4"):
        text = SLURM.replace("gpus_per_node: 4", f"gpus_per_node: {gpus}")
        (line,) = problems(text.replace("exclude: node7", f"{key}: 'gpu:a100:2'"))
        assert line.startswith(f"extra: must not set {key}: use the key ")
        (line,) = problems(f"{text}gres: gpu:a100:2\n")
        assert line.startswith(
            f"gpus_per_node: must be left out: gres asks for the GPUs, gpu:a100:2; got {gpus}"
        )


@pytest.mark.parametrize(
    ("keys", "count", "one"),
    [
        ("gpus_per_node: 4", 4, {"gpus-per-node": "1"}),
        ("gpus_per_node: a100-40g:4", 4, {"gpus-per-node": "a100-40g:1"}),
        ("gres: gpu:a100:4", 4, {"gres": "gpu:a100:1"}),
        ("gres: 'gpu:2,nvme:1'", 2, {"gres": "gpu:1"}),
        ("gres: nvme:1\ngpus_per_node: 3", 3, {"gpus-per-node": "1"}),
        ("gpus_per_node: 0", 0, {}),
    ],
)
def test_gpus_by_number_by_type_and_by_gres(
    here: Path, keys: str, count: int, one: dict[str, str]
) -> None:
    assert problems(SLURM.replace("gpus_per_node: 4", keys)) == []
    cluster = load_cluster("mine")
    assert (cluster.num_gpus, cluster.tasks_per_node) == (count, count or 1)
    assert cluster.one_gpu == one


@pytest.mark.parametrize(
    "value", ["a100", "a100:0", ":4", "a100:4 b", "-1", "1.5", "true", "a100:x"]
)
def test_gpus_that_are_neither_a_number_nor_a_typed_number_are_refused(
    here: Path, value: str
) -> None:
    (line,) = problems(SLURM.replace("gpus_per_node: 4", f"gpus_per_node: '{value}'"))
    assert line.startswith("gpus_per_node: must be a whole number, 0 or more, or a type and")


def test_short_jobs_ask_for_less_than_a_training_and_for_more_with_each_attempt(here: Path) -> None:
    problems(SLURM.replace("hours: 1.01", "hours: 24").replace("mem_gb: 64", "mem_gb: 512"))
    large = load_cluster("mine")
    assert (large.short_minutes, large.short_mem_mb) == (240, 16_000)
    problems(SLURM + "short_hours: 0.5\nshort_mem_gb: 3\n")
    own = load_cluster("mine")
    assert (own.short_minutes, own.short_mem_mb) == (30, 3_000)
    problems(SLURM)
    small = load_cluster("mine")
    assert (small.short_minutes, small.short_mem_mb) == (61, 16_000)


# hostile text: line breaks, quotes, substitutions and separators of a shell
TEXT = st.text(st.sampled_from("ab=1,- _'\"\\\n\r\t\x00\x0b\u2028`$();|&<>#!*?[]{}~é"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        TEXT | st.sampled_from(["exclude", "nice"]), TEXT | st.integers() | st.booleans()
    ),
    st.none() | TEXT,
    st.sampled_from(["partition", "account", "qos", "constraint", "gres", "gpus_per_node"]),
)
def test_every_option_is_refused_or_stays_one_option(
    extra: dict[str, object], value: str | None, key: str
) -> None:
    content = (
        dict(YAML(typ="safe").load(SLURM))
        | {"name": "mine", "extra": extra, "setup": ()}
        | {key: value}
    )
    try:
        cluster = ClusterConfig.model_validate(content)
    except ValidationError:
        return
    own = {"partition": cluster.partition, "account": cluster.account, "qos": cluster.qos}
    own |= {"constraint": cluster.constraint, "gres": cluster.gres}
    own |= {"gpus-per-node": cluster.gpus_per_node or None}
    options = {name: one for name, one in own.items() if one is not None} | cluster.options
    plain = _make_sbatch_string("command", "folder").splitlines()
    script = _make_sbatch_string("command", "folder", additional_parameters=options).splitlines()
    # one line each; shells and sbatch read each word back as it was
    added = [line for line in script if line not in plain]
    assert len(script) == len(plain) + len(options)
    assert all(line.startswith("#SBATCH --") for line in added)
    words = [shlex.split(line.removeprefix("#SBATCH ")) for line in added]
    assert all(len(one) == 1 for one in words)
