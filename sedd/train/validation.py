"""Validation loss on fixed sequences, times and noise, so that steps of a run are comparable."""

from __future__ import annotations

import math

import torch

from sedd.config import Experiment
from sedd.data.dataset import TokenBlocks
from sedd.objective import Corrupted, Objective
from sedd.runtime.device import autocast
from sedd.runtime.distributed import World
from sedd.runtime.seeds import generator
from sedd.train.state import TrainState


def validation_set(experiment: Experiment, blocks: TokenBlocks, objective: Objective) -> Corrupted:
    """N evenly spaced sequences of the split, each corrupted at its own time.

    The times are the midpoints of N equal strata of [time_eps, 1].
    """
    training = experiment.training
    count = min(training.validation_sequences, len(blocks))
    x0 = blocks[torch.linspace(0, len(blocks) - 1, count).round().long()]
    draws = generator(experiment.seed, "validation")
    t = training.time_eps + (1 - training.time_eps) * (torch.arange(count) + 0.5) / count
    # shuffled, so that time does not depend on the position in the text
    t = t[torch.randperm(count, generator=draws)]
    return objective.corrupt(x0, t, torch.ones_like(t), draws)


@torch.no_grad()
def validate(
    state: TrainState, experiment: Experiment, objective: Objective, batch: Corrupted, world: World
) -> tuple[float, float]:
    """Likelihood bound with EMA weights in nats per token, and its standard error over sequences.

    batch: from `validation_set`; its rows are distributed over ranks.
    """
    training = experiment.training
    size = max(1, training.batch_size // training.accum // world.size)
    local = batch[world.local_rows(len(batch.x0))]
    state.model.eval()
    losses = [torch.empty(0)]
    with state.ema.applied_to(state.model):
        for start in range(0, len(local.x0), size):
            micro_batch = local[start : start + size].to(world.device)
            with autocast(training.precision, world.device):
                losses.append(objective.bound(state.model, micro_batch).cpu())
    nats = world.gather_rows(torch.cat(losses)).double() / batch.x0.shape[1]
    error = nats.std() / math.sqrt(len(nats)) if len(nats) > 1 else torch.tensor(0.0)
    return nats.mean().item(), error.item()
