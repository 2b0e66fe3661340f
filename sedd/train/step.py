"""One optimizer step: corrupt the batch, accumulate gradients, clip them, update weights and EMA.

B sequences in the global batch, L tokens per sequence. All random numbers derive from the seed, the
step, and a sequence's row in the global batch. A run therefore does not depend on the number of
ranks or micro-batches, apart from the order of summation.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sedd.config import Experiment, Training
from sedd.config.sections.training import micro_batches_per_device
from sedd.diffusion import VocabularyDraw, sample_times
from sedd.model import DiffusionTransformer
from sedd.objective import Corrupted, Objective
from sedd.runtime.device import autocast
from sedd.runtime.distributed import World
from sedd.runtime.seeds import generator
from sedd.train.optim import learning_rate
from sedd.train.state import TrainState

# (batch, drawn tokens) -> (B,) nats: a `TrainingLoss`, possibly wrapped by DistributedDataParallel
LossModule = Callable[[Corrupted, VocabularyDraw | None], Tensor]


class TrainingLoss(nn.Module):
    """The objective and its network as one module, to be wrapped by DistributedDataParallel.

    The network alone cannot be wrapped, because the losses never call its forward method.
    """

    def __init__(self, model: DiffusionTransformer, objective: Objective):
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Corrupted, drawn: VocabularyDraw | None) -> Tensor:
        """Loss of each sequence, (B,) nats. drawn: see `Objective.loss`."""
        return self.objective.loss(self.model, batch, drawn)


@dataclass(frozen=True)
class StepResult:
    """Metrics of one optimizer step. The tensors are scalars on the device.

    loss_nats_per_token: of this rank; the sum over ranks is the mean over the global batch.
    grad_norm: before clipping; the same on all ranks, and not finite if the loss of any rank is not.
    """

    loss_nats_per_token: Tensor
    grad_norm: Tensor
    lr: float


@dataclass(frozen=True)
class LocalBatch:
    """This rank's rows of a batch, on its device. rows: their indices in the global batch."""

    rows: range
    corrupted: Corrupted

    def micro_batches(self, count: int) -> list[LocalBatch]:
        """Split into `count` micro-batches of equal size."""
        size = len(self.rows) // count
        slices = (slice(i * size, (i + 1) * size) for i in range(count))
        return [LocalBatch(self.rows[part], self.corrupted[part]) for part in slices]


def draw_times(training: Training, count: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw times (count,) in [time_eps, 1] from `time_density`, with importance weights (count,).

    A weighted mean over these times estimates the mean over uniform times.
    """
    eps = training.time_eps
    t = sample_times(count, eps, draws, stratified=training.time_sampling == "stratified")
    if training.time_density == "uniform":
        return t, torch.ones_like(t)
    # density 1 / (t log(1 / eps)) by the inverse of its distribution function
    t = eps ** (1 - (t - eps) / (1 - eps))
    return t, t * -math.log(eps) / (1 - eps)


def corrupt_local_rows(
    experiment: Experiment, objective: Objective, x0: Tensor, step: int, world: World
) -> LocalBatch:
    """Corrupt the clean tokens x0 (B, L) of the global batch, and return this rank's rows.

    Every rank draws the noise of the whole batch from (seed, step).
    """
    draws = generator(experiment.seed, "noise", step)
    t, weight = draw_times(experiment.training, len(x0), draws)
    local = world.local_rows(len(x0))
    corrupted = objective.corrupt(x0, t, weight, draws)[local].to(world.device)
    return LocalBatch(range(len(x0))[local], corrupted)


def draw_vocabulary(
    experiment: Experiment, objective: Objective, x0: Tensor, step: int, world: World
) -> VocabularyDraw | None:
    """The drawn tokens of an estimated loss, the same on all ranks and in all micro-batches."""
    drawn = objective.draw_vocabulary(x0, generator(experiment.seed, "vocabulary", step))
    return drawn and drawn.to(world.device)


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
    local = corrupt_local_rows(experiment, objective, x0, step, world)
    drawn = draw_vocabulary(experiment, objective, x0, step, world)
    state.model.train()
    state.optimizer.zero_grad(set_to_none=True)
    # The loss is per sequence, as in the paper, because clipping depends on its scale.
    # DistributedDataParallel averages gradients over ranks: world.size makes the average a sum.
    scale = world.size / len(x0)
    total = torch.zeros((), device=world.device)
    micro_batches = local.micro_batches(micro_batches_per_device(training.accum, world.size))
    for micro_batch in micro_batches:
        if experiment.model.dropout:
            state.model.dropout_generators = [
                generator(experiment.seed, "dropout", step, row, device=world.device)
                for row in micro_batch.rows
            ]
        with gradient_sync(loss, micro_batch is micro_batches[-1]):
            with autocast(training.precision, world.device):
                nats = loss(micro_batch.corrupted, drawn)
            mean = nats.sum() * scale
            # upstream gradient: 1, or NaN if the loss is not finite. The gradients of all ranks are
            # then NaN, so that their norm tells every rank the same.
            mean.backward(gradient=mean.detach() * 0 + 1)
        total += mean.detach() / world.size

    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), training.grad_clip)
    rate = learning_rate(experiment, step)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    # the update that follows a read would otherwise be queued on a GPU while it still computes
    if reads_every_norm(training, world) and not math.isfinite(norm.item()):
        state.num_skipped += 1
    else:
        state.optimizer.step()
        state.ema.update(state.model)
    state.step += 1
    # with padding, the mean over the global batch of the own tokens of a sequence
    length = x0.shape[1] if objective.pad is None else objective.own_tokens(x0).mean().item()
    return StepResult(loss_nats_per_token=total / length, grad_norm=norm, lr=rate)


def reads_every_norm(training: Training, world: World) -> bool:
    """Whether the host reads the gradient norm before each update.

    This is free on a CPU, and synchronizes with a GPU. There, without steps to skip, a bad update is
    noticed afterwards, but before its weights are measured, logged or saved: see `GradientCheck`.
    """
    return world.device.type == "cpu" or training.skip_nonfinite > 0


def gradient_sync(loss: LossModule, is_last: bool) -> contextlib.AbstractContextManager[None]:
    """Skip the gradient all-reduce except for the last micro-batch."""
    if not is_last and isinstance(loss, DistributedDataParallel):
        return loss.no_sync()
    return contextlib.nullcontext()
