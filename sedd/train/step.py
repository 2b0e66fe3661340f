"""One optimiser step: noise the batch, accumulate gradients, clip, update weights and their average.

B sequences in the global batch, L tokens in a sequence. Everything random derives from the seed, the step and a sequence's place
in the global batch, so a run is the same, but for the order of sums, however its batches are dealt out.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from sedd.config import Experiment, Training
from sedd.config.sections.training import parts_per_device
from sedd.diffusion import sample_times
from sedd.objective import Corrupted, Objective
from sedd.runtime.device import autocast
from sedd.runtime.distributed import World
from sedd.runtime.seeds import generator
from sedd.train.optim import learning_rate
from sedd.train.state import TrainState

# (batch, draws) -> (B,) nats: a `TrainingLoss`, wrapped or not
LossModule = Callable[[Corrupted, torch.Generator], Tensor]


@dataclass(frozen=True)
class StepResult:
    """What one step is known by; the loss is this process's share of the sum. The tensors stay on the device."""

    loss_nats_per_token: torch.Tensor
    grad_norm: torch.Tensor
    lr: float


def draw_times(
    training: Training, count: int, draws: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Times (count,) on [time_eps, 1], and the weights (count,) that make a mean over them one over uniform times."""
    eps = training.time_eps
    t = sample_times(count, eps, draws, stratified=training.time_sampling == "stratified")
    if training.time_density == "uniform":
        return t, torch.ones_like(t)
    # from uniform to density 1 / (t log(1 / eps)), by the inverse of its distribution function
    t = eps ** (1 - (t - eps) / (1 - eps))
    return t, t * -math.log(eps) / (1 - eps)


@dataclass(frozen=True)
class LocalBatch:
    """A process's share of a batch, on its device. rows: places in the global batch."""

    rows: range
    noised: Corrupted

    def parts(self, count: int) -> list[LocalBatch]:
        """The same in `count` equal parts."""
        size = len(self.rows) // count
        slices = (slice(i * size, (i + 1) * size) for i in range(count))
        return [LocalBatch(self.rows[at], self.noised[at]) for at in slices]


def noised_share(
    experiment: Experiment, objective: Objective, x0: Tensor, step: int, world: World
) -> LocalBatch:
    """Noise the clean tokens x0 (B, L) of the global batch, and take this process's share.

    The noise of the whole batch is drawn at once, from (seed, step) alone.
    """
    draws = generator(experiment.seed, "noise", step)
    t, weight = draw_times(experiment.training, len(x0), draws)
    share = world.share(len(x0))
    noised = objective.corrupt(x0, t, weight, draws)[share].to(world.device)
    return LocalBatch(range(len(x0))[share], noised)


def train_step(
    state: TrainState,
    experiment: Experiment,
    objective: Objective,
    loss: LossModule,
    x0: Tensor,
    world: World,
) -> StepResult:
    """Update `state` on the clean tokens x0 (B, L) of the global batch."""
    training, step = experiment.training, state.step
    share = noised_share(experiment, objective, x0, step, world)
    state.model.train()
    state.optimizer.zero_grad(set_to_none=True)
    # of a sequence, as in the paper: clipping depends on the scale. Processes' gradients are averaged, hence the size
    scale = world.size / len(x0)
    total = torch.zeros((), device=world.device)
    parts = share.parts(parts_per_device(training.accum, world.size))
    for part in parts:
        if experiment.model.dropout:
            state.model.dropout_generators = [
                generator(experiment.seed, "dropout", step, row, device=world.device)
                for row in part.rows
            ]
        draws = generator(experiment.seed, "vocabulary", step)  # the same tokens for all parts
        with unsynchronised(loss, part is not parts[-1]):
            with autocast(training.precision, world.device):
                nats = loss(part.noised, draws)
            mean = nats.sum() * scale
            mean.backward()
        total += mean.detach() / world.size

    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), training.grad_clip)
    rate = learning_rate(experiment, step)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.step()
    state.ema.update(state.model)
    state.step += 1
    return StepResult(loss_nats_per_token=total / x0.shape[1], grad_norm=norm, lr=rate)


def unsynchronised(loss: LossModule, wanted: bool) -> contextlib.AbstractContextManager[None]:
    """Skip the gradient all-reduce until the last micro-batch."""
    if wanted and isinstance(loss, DistributedDataParallel):
        return loss.no_sync()
    return contextlib.nullcontext()


def warm_up_ddp_buckets(
    state: TrainState,
    experiment: Experiment,
    objective: Objective,
    loss: LossModule,
    x0: Tensor,
    world: World,
) -> None:
    """A backward pass whose gradients are thrown away.

    DistributedDataParallel orders its buckets anew after its first one, and rounding depends on that order: without this a
    resumed run would add up its first step in another order than the run that went on.
    """
    share = noised_share(experiment, objective, x0, state.step, world)
    draws = generator(experiment.seed, "vocabulary", state.step)
    state.model.eval()
    for _ in range(2):  # the new order is taken up at the beginning of the second
        with autocast(experiment.training.precision, world.device):
            loss(share.noised, draws).sum().backward()
    state.optimizer.zero_grad(set_to_none=True)
