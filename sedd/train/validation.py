"""Validation loss on fixed sequences, times and noise, so that steps of a run are comparable."""

from __future__ import annotations

import numpy as np
import torch

from sedd.config import Experiment
from sedd.data.dataset import AnyBlocks
from sedd.objective import Corrupted, Objective
from sedd.results.standard_error import group_error
from sedd.runtime.device import autocast
from sedd.runtime.distributed import World
from sedd.runtime.seeds import generator
from sedd.train.state import TrainState


def validation_set(experiment: Experiment, blocks: AnyBlocks, objective: Objective) -> Corrupted:
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
) -> tuple[float, float | None]:
    """Likelihood bound with EMA weights in nats per token, and its standard error over
    groups of neighboring sequences (None for one sequence).

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
    nats = world.gather_rows(torch.cat(losses)).double().numpy()
    if objective.pad is not None:
        own = objective.own_tokens(batch.x0).numpy()
        return float(nats.sum() / own.sum()), group_error(nats, own)
    nats = nats / batch.x0.shape[1]
    error = group_error(nats, np.ones(len(nats)))
    return float(nats.mean()), error
