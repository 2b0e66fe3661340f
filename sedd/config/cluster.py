"""A machine or cluster, `config/cluster/NAME.yaml`: what a job gets, not what it computes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sedd.config.model import Count
from sedd.config.settings import Name, Rule, Settings, Text


def _only_slurm(value: Any, kind: str) -> str | None:
    if kind == "slurm" or value in (None, (), []):
        return None
    return "is known to type slurm only; remove it, or set type: slurm"


def _one_node(nodes: int, kind: str) -> str | None:
    if kind == "slurm" or nodes == 1:
        return None
    return f"must be 1 with type local; got {nodes}"


class ClusterConfig(Settings):
    """What one training job gets."""

    name: Name
    """the file's stem, set by the loader"""
    description: Text
    """one line"""
    type: Literal["local", "slurm"]
    """local: this machine; slurm: a Slurm cluster"""
    devices: Count = 1
    """GPUs a node, or processes a node where there is none"""
    nodes: Count = 1
    """nodes of a training job"""
    cpus_per_task: Count
    """CPU cores for each device"""
    mem_gb: Count
    """memory a node, in GB"""
    hours: Count
    """longest run of a job, in hours; a longer training goes on in the next job"""
    partition: Text | None = None
    """Slurm's partition; null: the cluster's default"""
    account: Text | None = None
    """Slurm's account; null: the user's default"""
    constraint: Text | None = None
    """features that Slurm's nodes must have, such as a100; null: any"""
    setup: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """shell lines that run before the job, such as module load cuda"""

    rules = (
        Rule(("nodes", "type"), _one_node),
        *(
            Rule((key, "type"), _only_slurm)
            for key in ("partition", "account", "constraint", "setup")
        ),
    )

    @property
    def num_devices(self) -> int:
        """Devices of a training job, over all its nodes."""
        return self.devices * self.nodes
