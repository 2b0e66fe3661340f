"""Validation loss on fixed sequences, times and noise, so that two steps of a run compare."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from sedd.build import autocast
from sedd.config import Experiment
from sedd.data.dataset import TokenBlocks
from sedd.diffusion import Graph, Noise, score_entropy_loss
from sedd.seeds import generator
from sedd.train.distributed import World
from sedd.train.state import TrainState


@dataclass(frozen=True)
class ValidationSet:
    """x0, xt: (N, L) clean and noisy tokens; t: (N,) times, one in each of N equal parts of [time_eps, 1]."""

    x0: torch.Tensor
    t: torch.Tensor
    xt: torch.Tensor

    @classmethod
    def draw(
        cls, experiment: Experiment, blocks: TokenBlocks, graph: Graph, noise: Noise
    ) -> ValidationSet:
        training = experiment.training
        count = min(training.validation_sequences, len(blocks))
        x0 = blocks[torch.linspace(0, len(blocks) - 1, count).round().long()]
        draws = generator(experiment.seed, "validation")
        t = training.time_eps + (1 - training.time_eps) * (torch.arange(count) + 0.5) / count
        # neighbouring blocks get unrelated times
        t = t[torch.randperm(count, generator=draws)]
        xt = graph.sample_transition(x0, noise(t)[0][:, None], generator=draws)
        return cls(x0=x0, t=t, xt=xt)


@torch.no_grad()
def validate(
    state: TrainState,
    experiment: Experiment,
    graph: Graph,
    noise: Noise,
    fixed: ValidationSet,
    world: World,
) -> tuple[float, float]:
    """Loss of the averaged weights in nats a token, and its standard error over the sequences, shared by all processes."""
    training = experiment.training
    size = max(1, training.batch_size // training.accum // world.size)
    share = world.share(len(fixed.x0))
    state.model.eval()
    losses = [torch.empty(0)]
    with state.ema.applied_to(state.model):
        for part in zip(
            *(tensor[share].split(size) for tensor in (fixed.x0, fixed.t, fixed.xt)), strict=True
        ):
            x0, t, xt = (tensor.to(world.device) for tensor in part)
            with autocast(training.precision, world.device):
                losses.append(score_entropy_loss(state.model, graph, noise, x0, t=t, xt=xt).cpu())
    nats = world.joined(torch.cat(losses)).double() / fixed.x0.shape[1]
    error = nats.std() / math.sqrt(len(nats)) if len(nats) > 1 else torch.tensor(0.0)
    return nats.mean().item(), error.item()
