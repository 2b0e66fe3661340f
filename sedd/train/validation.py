"""Validation loss on fixed sequences, times and noise, so that two steps of a run compare."""

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
    """N sequences spread over the split, with one time in each of N equal parts of [time_eps, 1]."""
    training = experiment.training
    count = min(training.validation_sequences, len(blocks))
    x0 = blocks[torch.linspace(0, len(blocks) - 1, count).round().long()]
    draws = generator(experiment.seed, "validation")
    t = training.time_eps + (1 - training.time_eps) * (torch.arange(count) + 0.5) / count
    # neighbouring blocks get unrelated times
    t = t[torch.randperm(count, generator=draws)]
    return objective.corrupt(x0, t, torch.ones_like(t), draws)


@torch.no_grad()
def validate(
    state: TrainState, experiment: Experiment, objective: Objective, fixed: Corrupted, world: World
) -> tuple[float, float]:
    """Bound of the averaged weights in nats a token, and its standard error over the sequences, shared by all processes."""
    training = experiment.training
    size = max(1, training.batch_size // training.accum // world.size)
    mine = fixed[world.share(len(fixed.x0))]
    state.model.eval()
    losses = [torch.empty(0)]
    with state.ema.applied_to(state.model):
        for start in range(0, len(mine.x0), size):
            part = mine[start : start + size].to(world.device)
            with autocast(training.precision, world.device):
                losses.append(objective.bound(state.model, part).cpu())
    nats = world.joined(torch.cat(losses)).double() / fixed.x0.shape[1]
    error = nats.std() / math.sqrt(len(nats)) if len(nats) > 1 else torch.tensor(0.0)
    return nats.mean().item(), error.item()
