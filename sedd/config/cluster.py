"""A machine or cluster, `config/cluster/NAME.yaml`: what a job gets, not what it computes."""

from __future__ import annotations

from sedd.config.model import Count
from sedd.config.settings import Name, Settings, Text


class ClusterConfig(Settings):
    """What one training job gets."""

    name: Name
    """the file's stem, set by the loader"""
    description: Text
    """one line"""
    num_devices: Count = 1
    """GPUs, or processes where there is none, that a batch is dealt out to"""
    cpus_per_task: Count
    """CPU cores for each device"""
    mem_gb: Count
    """memory, in GB"""
    hours: Count
    """longest run of a job, in hours; a longer training goes on in the next job"""
