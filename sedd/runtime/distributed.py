"""One piece of work in several processes, each with its own device: training, or measuring.

The processes find one another by the variables of torchrun (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT), whoever
set them: torchrun, or a launcher. Tensors on a CPU travel by gloo, also beside GPUs, so that what is agreed on between two
steps never waits for a GPU; gradients on GPUs travel by nccl.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")
PATIENCE = timedelta(minutes=30)  # for a process that never comes
LONG_PATIENCE = timedelta(days=2)  # while one of them works alone, as in tokenising


@dataclass(frozen=True)
class World:
    """The processes of one piece of work, as one of them sees it; alone, nothing is sent."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's part of `count` rows; as equal as can be, and in the order of ranks."""
        bounds = [count * rank // self.size for rank in (self.rank, self.rank + 1)]
        return slice(*bounds)

    def wrap(self, module: nn.Module) -> nn.Module:
        """Average the gradients of `module` over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(
            module, broadcast_buffers=False, gradient_as_bucket_view=True
        )

    def total(self, value: Tensor) -> float:
        """The sum of one number over all processes."""
        if self.size > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value.item()

    def all_max(self, number: int) -> int:
        """The highest of all processes' numbers."""
        if self.size == 1:
            return number
        agreed = torch.tensor(number)
        dist.all_reduce(agreed, op=dist.ReduceOp.MAX)
        return int(agreed)

    def broadcast(self, value: T) -> T:
        """What the first process knows."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def all_gather(self, value: T) -> list[T]:
        """The values of all processes, in the order of ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def joined(self, rows: Tensor) -> Tensor:
        """Rows of all processes in the order of ranks; they may be of unequal number. On the CPU."""
        return torch.cat(self.all_gather(rows.cpu()))


@contextlib.contextmanager
def world(device: torch.device | str, patience: timedelta = PATIENCE) -> Iterator[World]:
    """Join the processes that the environment names, if it does.

    device: `cuda` is, of several GPUs, the one of this process's place on its node. patience: how long one waits for another.
    """
    device = torch.device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device)
        return
    backend = "gloo"
    if device.type == "cuda":
        # a cluster may show each process all GPUs of the node, or its own alone
        local = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        device, backend = torch.device("cuda", local), "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=patience)
    try:
        yield World(device, dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
