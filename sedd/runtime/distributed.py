"""Data parallelism: one process (rank) per device, for training and evaluation.

Processes rendezvous through torchrun's environment variables (RANK, WORLD_SIZE, LOCAL_RANK,
MASTER_ADDR, MASTER_PORT), set by torchrun or by a launcher. CPU tensors use gloo even when there
are GPUs, so that collectives on plain values never wait for a GPU; GPU gradients use nccl.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")
TIMEOUT = timedelta(minutes=30)
LONG_TIMEOUT = timedelta(days=2)  # for verbs in which one rank works alone, e.g. tokenizes


@dataclass(frozen=True)
class World:
    """All ranks of a run, seen from one rank. With one rank, no collective communicates."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which writes files and messages."""
        return self.rank == 0

    def local_rows(self, count: int) -> slice:
        """This rank's slice of `count` rows. In rank order; sizes differ by at most 1."""
        bounds = [count * rank // self.size for rank in (self.rank, self.rank + 1)]
        return slice(*bounds)

    def wrap(self, module: nn.Module) -> nn.Module:
        """Wrap `module` so that its gradients are averaged over ranks; unchanged with one rank."""
        if self.size == 1:
            return module
        return DistributedDataParallel(
            module, broadcast_buffers=False, gradient_as_bucket_view=True
        )

    def all_sum(self, value: Tensor) -> float:
        """Sum of a scalar tensor over ranks."""
        if self.size > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value.item()

    def all_max(self, number: int) -> int:
        """Maximum of an integer over ranks."""
        if self.size == 1:
            return number
        maximum = torch.tensor(number)
        dist.all_reduce(maximum, op=dist.ReduceOp.MAX)
        return int(maximum)

    def broadcast(self, value: T) -> T:
        """The value of rank 0. Any picklable object."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def all_gather(self, value: T) -> list[T]:
        """Values of all ranks, in rank order. Any picklable objects."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def gather_rows(self, rows: Tensor) -> Tensor:
        """Concatenate tensors of all ranks along dimension 0, on the CPU. Lengths may differ."""
        return torch.cat(self.all_gather(rows.cpu()))


@contextlib.contextmanager
def world(device: torch.device | str, timeout: timedelta = TIMEOUT) -> Iterator[World]:
    """Join the process group named by the environment, if there is one.

    device: with several GPUs, `cuda` becomes the GPU of this process's LOCAL_RANK.
    timeout: how long a collective waits for the other ranks.
    """
    device = torch.device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device)
        return
    backend = "gloo"
    if device.type == "cuda":
        # modulo: some clusters make only one GPU visible to each process
        local = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        device, backend = torch.device("cuda", local), "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(device)
    dist.init_process_group(backend, timeout=timeout)
    try:
        yield World(device, dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def warm_up_ddp_buckets(module: nn.Module, backward: Callable[[], None]) -> None:
    """Run two backward passes and discard their gradients.

    DistributedDataParallel reorders its gradient buckets after the first backward pass, and
    rounding depends on their order. With this warm-up, a resumed run sums its first gradients in
    the same order as an uninterrupted run.

    module: as returned by `World.wrap`. backward: computes a loss of `module` and its gradients.
    """
    for _ in range(2):  # the new order takes effect at the start of the second pass
        backward()
    module.zero_grad(set_to_none=True)
