"""Cluster, or a single machine: the resources of a job. `config/cluster/NAME.yaml`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.sbatch import GpusPerNode, Gres, Option, SbatchText, gpus_of, misplaced
from sedd.config.values import Count, Name, Text, ThreadCount

SLURM_ONLY = ("partition", "account", "qos", "constraint", "gres", "setup", "extra")
SHORT_HOURS, SHORT_MEM_GB = 4, 16
"""what a short job asks for, unless a training asks for less"""


def _one_machine(nodes: int, executor: str) -> str | None:
    if executor == "local" and nodes != 1:
        return f"must be 1 with executor local, which uses only this machine; got {nodes}"
    return None


def _of_slurm(value: Any, executor: str) -> str | None:
    if executor == "local" and value:
        return "is only for executor slurm; remove it, or set executor: slurm"
    return None


def _gpus(
    gpus: str | int | None, gres: str | None, processes: int | None, executor: str
) -> str | None:
    if gpus is not None and gpus_of(gres):
        return f"must be left out: gres asks for the GPUs, {gres}; got {gpus}"
    if isinstance(gpus, str) and executor == "local":
        return f"must be a number with executor local; got {gpus}"
    count = _num_gpus(gpus, gres)
    if count is None and executor == "slurm":
        return "must be a number with executor slurm, 0 for training on CPUs; got null"
    if count is None and (processes or 1) > 1:
        return f"must be a number with {processes} processes_per_node, 0 for CPUs; got null"
    if count and processes not in (None, count):
        return (
            f"must be 0 or processes_per_node, {processes}: each process uses one GPU; got {count}"
        )
    return None


def _num_gpus(gpus: str | int | None, gres: str | None) -> int | None:
    if gpus is None:
        return sum(count for _, count in gpus_of(gres)) or None
    return int(str(gpus).rpartition(":")[2])


def _notice(notice_seconds: int, hours: float) -> str | None:
    if notice_seconds < hours * 3600:
        return None
    return f"must be below the job's time limit, {hours * 3600:.0f} seconds; got {notice_seconds}"


class ClusterConfig(ConfigModel):
    """Resources of one training job, and of the short jobs that tokenize, sample and measure."""

    name: Name
    """file's stem, set by the loader"""
    description: Text
    """one line for lists"""
    executor: Literal["local", "slurm"]
    """local: processes on this machine; slurm: jobs on a Slurm cluster"""
    nodes: Count = 1
    """nodes per training job"""
    gpus_per_node: GpusPerNode = None
    """GPUs per node, with one process each; a100:4: four of this type (Slurm); 0: train on CPUs;
    null: those of gres, or (local) one GPU if this machine has one"""
    gres: Gres | None = None
    """generic resources per node, such as gpu:a100:4, for clusters that count GPUs so"""
    processes_per_node: ThreadCount | None = None
    """processes per node; null: one per GPU, or one without GPUs"""
    cpus_per_task: ThreadCount
    """CPU cores and threads per process"""
    mem_gb: Count
    """memory per node, in GB"""
    hours: Annotated[float, Field(gt=0)]
    """time limit of a job, in hours; a longer training is requeued and resumes automatically"""
    notice_seconds: Count = 120
    """time before the limit at which a training job saves its state and requeues, in seconds"""
    short_hours: Annotated[float, Field(gt=0)] | None = None
    """time limit of a short job, in hours; null: 4, or hours if that is less"""
    short_mem_gb: Count | None = None
    """memory of a short job, in GB; null: 16, or that of one training process if it is less"""
    partition: SbatchText | None = None
    """Slurm partition, or several separated by commas; null: the cluster's default"""
    account: SbatchText | None = None
    """Slurm account; null: the user's default"""
    qos: SbatchText | None = None
    """Slurm quality of service; null: the default"""
    constraint: SbatchText | None = None
    """required features of the nodes, such as a100; null: none"""
    setup: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """shell commands before a training job starts, such as `module load cuda`"""
    extra: dict[str, Option] = Field(default={})
    """other sbatch options, for short jobs too, such as {exclude: node7, exclusive: true}"""

    rules = (
        Rule(("nodes", "executor"), _one_machine),
        *(Rule((key, "executor"), _of_slurm) for key in SLURM_ONLY),
        Rule(("gpus_per_node", "gres", "processes_per_node", "executor"), _gpus),
        Rule(("notice_seconds", "hours"), _notice),
        Rule(("extra",), misplaced),
    )

    @property
    def num_gpus(self) -> int | None:
        """GPUs per node; 0 on CPUs; None (local only): one if this machine has one."""
        return _num_gpus(self.gpus_per_node, self.gres)

    @property
    def tasks_per_node(self) -> int:
        """Processes per node of a training job."""
        return self.processes_per_node or self.num_gpus or 1

    @property
    def num_devices(self) -> int:
        """Processes of a training job, over which each batch is distributed; one per GPU if there
        are GPUs."""
        return self.nodes * self.tasks_per_node

    @property
    def minutes(self) -> int:
        """Time limit of a job in whole minutes, rounded up, as schedulers need it."""
        return math.ceil(self.hours * 60)

    @property
    def short_minutes(self) -> int:
        """Time limit of a short job in whole minutes."""
        return math.ceil((self.short_hours or min(SHORT_HOURS, self.hours)) * 60)

    @property
    def short_mem_mb(self) -> int:
        """Memory of a short job in MB."""
        if self.short_mem_gb:
            return self.short_mem_gb * 1000
        return min(SHORT_MEM_GB * 1000, self.mem_gb * 1000 // self.tasks_per_node)

    @property
    def one_gpu(self) -> dict[str, str]:
        """The sbatch option for one GPU of the kind that training has; empty on CPUs."""
        if kinds := gpus_of(self.gres):
            return {"gres": f"{kinds[0][0]}:1"}
        if not self.num_gpus:
            return {}
        kind, colon, _ = str(self.gpus_per_node).rpartition(":")
        return {"gpus-per-node": f"{kind}{colon}1"}

    @property
    def options(self) -> dict[str, str | int | bool]:
        """Options of sbatch from `extra`, without those that are false."""
        return {key: value for key, value in self.extra.items() if value is not False}
