"""The three kinds of work, each in two ways, as functions that do a number of steps.

fast: what `sedd train`, `sedd sample` and `sedd perplexity` run.
plain: the same result in the straightforward way: logits of every position and state, (B, L, V); one kernel a tensor
    in the optimiser; the moving average by arithmetic, tensor by tensor; never compiled. This costs about what the
    official code costs. The network itself is the same.

Each has a network, an optimiser and generators of its own, begun from the same seeds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sedd.bench.settings import Settings
from sedd.build import autocast, build_graph, build_noise
from sedd.config import Experiment
from sedd.diffusion import Graph, Noise, likelihood_bound, sample, weighted_score_entropy
from sedd.model import ExponentialMovingAverage
from sedd.seeds import generator
from sedd.train.distributed import World
from sedd.train.loss import Loss, TrainingLoss, build_loss
from sedd.train.state import TrainState
from sedd.train.step import train_step

Steps = Callable[[int], None]


def prepare(settings: Settings, device: torch.device, *, plain: bool) -> Steps:
    """A function that does so many steps of the work."""
    experiment = settings.experiment()
    state = TrainState.fresh(experiment, settings.vocab, device)
    if settings.compile and not plain:
        state.model.compile_trunk()
    graph, noise = build_graph(experiment, settings.vocab), build_noise(experiment)
    match settings.work:
        case "train":
            return training(state, experiment, graph, noise, plain=plain)
        case "sample":
            return sampling(state, experiment, graph, noise, plain=plain)
        case "perplexity":
            return bounding(state, experiment, graph, noise, plain=plain)


def random_tokens(experiment: Experiment, vocab_size: int) -> torch.Tensor:
    """Clean tokens (B, L)."""
    shape = experiment.training.batch_size, experiment.data.length
    return torch.randint(vocab_size, shape, generator=generator(experiment.seed, "tokens"))


def training(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Optimiser steps on one batch."""
    x0 = random_tokens(experiment, state.vocab_size)
    loss = build_loss(experiment, graph, np.ones(state.vocab_size))
    if plain:
        loss = plain_loss(graph)
        state.optimizer = plain_optimizer(experiment, state.model)
        state.ema = PlainAverage(state.model, experiment.training.ema_decay)

    here = World(next(state.model.parameters()).device)
    module = TrainingLoss(state.model, loss)

    def run(steps: int) -> None:
        for _ in range(steps):
            train_step(state, experiment, graph, noise, module, x0, here)

    return run


def plain_loss(graph: Graph) -> Loss:
    """The whole score entropy, from a table of logits."""
    return lambda model, sigma, weight, xt, x0, draws: weighted_score_entropy(
        model, graph, sigma, weight, xt, x0, fused=False
    )


def plain_optimizer(experiment: Experiment, model: torch.nn.Module) -> torch.optim.AdamW:
    """`build_optimizer`, one tensor after the other."""
    training = experiment.training
    return torch.optim.AdamW(
        model.parameters(),
        lr=training.lr,
        betas=(training.beta1, training.beta2),
        eps=training.eps,
        weight_decay=training.weight_decay,
        fused=False,
        foreach=False,
    )


class PlainAverage(ExponentialMovingAverage):
    """The same average, one tensor after the other, written out as it is defined."""

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, weight in model.named_parameters():
            shadow = self.shadow[name]
            shadow -= (1 - decay) * (shadow - weight)


def sampling(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """One batch of texts in so many denoising steps, and the last one that removes the noise that is left."""
    model, device = state.model.eval(), next(state.model.parameters()).device
    shape = experiment.training.batch_size, experiment.data.length

    def run(steps: int) -> None:
        draws = generator(experiment.seed, "sample")
        with autocast(experiment.training.precision, device):
            sample(
                model,
                graph,
                noise,
                shape,
                steps,
                sampler=experiment.sampling.sampler,
                precision=experiment.sampling.precision,
                generator=draws,
                device=device,
                fused=not plain,
            )

    return run


def bounding(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """The bound of one batch at so many random times."""
    model, device = state.model.eval(), next(state.model.parameters()).device
    x0 = random_tokens(experiment, state.vocab_size).to(device)

    def run(steps: int) -> None:
        draws = generator(experiment.seed, "perplexity")
        with autocast(experiment.training.precision, device):
            likelihood_bound(
                model,
                graph,
                noise,
                x0,
                steps,
                estimator=experiment.evaluation.estimator,
                time_eps=experiment.evaluation.time_eps,
                generator=draws,
                fused=False if plain else None,
            )

    return run
