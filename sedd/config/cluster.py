"""Cluster, or a single machine: the resources of a job. `config/cluster/NAME.yaml`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import Count, Name, Text

SLURM_ONLY = ("partition", "account", "qos", "constraint", "setup", "extra")
# sbatch options that have their own key, or that submitit sets
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
        return f"must be 1 with executor local, which uses only this machine; got {nodes}"
    return None


def _of_slurm(value: Any, executor: str) -> str | None:
    if executor == "local" and value:
        return "is only for executor slurm; remove it, or set executor: slurm"
    return None


def _gpus(gpus: int | None, processes: int | None, executor: str) -> str | None:
    if gpus is None and executor == "slurm":
        return "must be a number with executor slurm, 0 for training on CPUs; got null"
    if gpus is None and (processes or 1) > 1:
        return f"must be a number with {processes} processes_per_node, 0 for CPUs; got null"
    if gpus and processes not in (None, gpus):
        return (
            f"must be 0 or processes_per_node, {processes}: each process uses one GPU; got {gpus}"
        )
    return None


def _notice(notice_seconds: int, hours: float) -> str | None:
    if notice_seconds < hours * 3600:
        return None
    return f"must be below the job's time limit, {hours * 3600:.0f} seconds; got {notice_seconds}"


def _not_reserved(extra: dict[str, Any]) -> str | None:
    taken = sorted(key for key in extra if key.replace("_", "-") in RESERVED)
    return (
        f"must not set {', '.join(taken)}: use the other keys, or leave it to sedd"
        if taken
        else None
    )


def _option(value: Any) -> str | int | bool:
    if isinstance(value, str | int):
        return value
    raise PydanticCustomError("option", "must be text, a whole number, true or false")


Option = Annotated[
    Any,
    AfterValidator(_option),
    WithJsonSchema({"type": ["string", "integer", "boolean"]}),
]


class ClusterConfig(ConfigModel):
    """Resources of one training job. Short jobs get the cores and the memory of one process."""

    name: Name
    """file's stem, set by the loader"""
    description: Text
    """one line for lists"""
    executor: Literal["local", "slurm"]
    """local: processes on this machine; slurm: jobs on a Slurm cluster"""
    nodes: Count = 1
    """nodes per training job"""
    gpus_per_node: Annotated[int, Field(ge=0)] | None = None
    """GPUs per node, with one process each; 0: train on CPUs; null (local only): one GPU if this
    machine has one"""
    processes_per_node: Count | None = None
    """processes per node; null: one per GPU, or one without GPUs"""
    cpus_per_task: Count
    """CPU cores and threads per process"""
    mem_gb: Count
    """memory per node, in GB"""
    hours: Annotated[float, Field(gt=0)]
    """time limit of a job, in hours; a longer training is requeued and resumes automatically"""
    notice_seconds: Count = 120
    """time before the limit at which a training job saves its state and requeues, in seconds"""
    partition: Text | None = None
    """Slurm partition, or several separated by commas; null: the cluster's default"""
    account: Text | None = None
    """Slurm account; null: the user's default"""
    qos: Text | None = None
    """Slurm quality of service; null: the default"""
    constraint: Text | None = None
    """required features of the nodes, such as a100; null: none"""
    setup: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """shell commands before a training job starts, such as `module load cuda`"""
    extra: dict[str, Option] = Field(default={})
    """other sbatch options for training jobs, such as {exclude: node7, exclusive: true}"""

    rules = (
        Rule(("nodes", "executor"), _one_machine),
        *(Rule((key, "executor"), _of_slurm) for key in SLURM_ONLY),
        Rule(("gpus_per_node", "processes_per_node", "executor"), _gpus),
        Rule(("notice_seconds", "hours"), _notice),
        Rule(("extra",), _not_reserved),
    )

    @property
    def tasks_per_node(self) -> int:
        """Processes per node of a training job."""
        return self.processes_per_node or self.gpus_per_node or 1

    @property
    def num_devices(self) -> int:
        """Processes of a training job, over which each batch is distributed; one per GPU if there
        are GPUs."""
        return self.nodes * self.tasks_per_node

    @property
    def minutes(self) -> int:
        """Time limit of a job in whole minutes, rounded up, as schedulers need it."""
        return math.ceil(self.hours * 60)
