"""A machine or cluster, `config/cluster/NAME.yaml`: what a job gets, not what it computes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, Name, Text

SLURM_ONLY = ("partition", "account", "qos", "constraint", "setup", "extra")
# sbatch options that have a key of their own here, or that submitit sets
RESERVED = {
    *(
        "account",
        "constraint",
        "cpus-per-task",
        "error",
        "gpus-per-node",
        "job-name",
        "mem",
        "nodes",
    ),
    *("ntasks", "ntasks-per-node", "open-mode", "output", "partition", "qos", "requeue", "signal"),
    "time",
}


def _one_machine(nodes: int, executor: str) -> str | None:
    if executor == "local" and nodes != 1:
        return f"must be 1 with executor local, which is this machine; got {nodes}"
    return None


def _of_slurm(value: Any, executor: str) -> str | None:
    if executor == "local" and value:
        return "is for executor slurm; remove it, or set executor: slurm"
    return None


def _gpus(gpus: int | None, processes: int | None, executor: str) -> str | None:
    if gpus is None and executor == "slurm":
        return "must be a number with executor slurm, 0 for training on CPUs; got null"
    if gpus is None and (processes or 1) > 1:
        return f"must be a number with {processes} processes_per_node, 0 for CPUs; got null"
    if gpus and processes not in (None, gpus):
        return f"must be 0 or processes_per_node, {processes}, as each process has one; got {gpus}"
    return None


def _notice(notice_seconds: int, hours: float) -> str | None:
    if notice_seconds < hours * 3600:
        return None
    return f"must be below the job's time, {hours * 3600:.0f} seconds; got {notice_seconds}"


def _not_reserved(extra: dict[str, Any]) -> str | None:
    taken = sorted(key for key in extra if key.replace("_", "-") in RESERVED)
    return f"must leave {', '.join(taken)} to the other keys, or to sedd" if taken else None


def _option(value: Any) -> str | int | bool:
    if isinstance(value, str | int):
        return value
    raise PydanticCustomError("option", "must be text, a whole number, true or false")


Option = Annotated[Any, AfterValidator(_option)]


class ClusterConfig(ConfigModel):
    """What one training job gets, and how it is started. A short job gets the cores and memory of one process."""

    name: Name
    """the file's stem, set by the loader"""
    description: Text
    """one line"""
    executor: Literal["local", "slurm"]
    """local: processes on this machine; slurm: a job of a Slurm cluster"""
    nodes: Count = 1
    """machines of a training job"""
    gpus_per_node: Annotated[int, Field(ge=0)] | None = None
    """GPUs of a machine that a training job takes, a process each; 0: none; null: one if this machine has one (local)"""
    processes_per_node: Count | None = None
    """processes of a training job on a machine; null: one a GPU, or one"""
    cpus_per_task: Count
    """CPU cores, and threads, of each process"""
    mem_gb: Count
    """memory of a machine that a job takes, in GB"""
    hours: Annotated[float, Field(gt=0)]
    """longest run of a job, in hours; a longer training is interrupted, and goes on by itself"""
    notice_seconds: Count = 120
    """how long before its limit a training job is told to save its state and make way, in seconds"""
    partition: Text | None = None
    """Slurm's partition, or several with commas; null: the cluster's default"""
    account: Text | None = None
    """who pays; null: the user's default"""
    qos: Text | None = None
    """quality of service; null: the default"""
    constraint: Text | None = None
    """features that the machines must have, such as a100"""
    setup: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """shell lines before a training job starts, such as `module load cuda`"""
    extra: dict[str, Option] = Field(default={})
    """other options of sbatch for training jobs, such as {exclude: node7, exclusive: true}"""

    rules = (
        Rule(("nodes", "executor"), _one_machine),
        *(Rule((key, "executor"), _of_slurm) for key in SLURM_ONLY),
        Rule(("gpus_per_node", "processes_per_node", "executor"), _gpus),
        Rule(("notice_seconds", "hours"), _notice),
        Rule(("extra",), _not_reserved),
    )

    @property
    def tasks_per_node(self) -> int:
        """Processes of a training job on each machine."""
        return self.processes_per_node or self.gpus_per_node or 1

    @property
    def num_devices(self) -> int:
        """GPUs, or processes where there is none, that a batch is dealt out to."""
        return self.nodes * self.tasks_per_node

    @property
    def minutes(self) -> int:
        """The longest run of a job in whole minutes, as schedulers count."""
        return math.ceil(self.hours * 60)
