"""The kinds of work, each in two ways, as functions that do a number of steps.

fast: what `sedd train`, `sedd sample` and `sedd perplexity` run.
plain: the same numbers in the straightforward way, see `plain`; never compiled.

Each has a network, an optimiser and generators of its own, begun from the same seeds. The plain sampler draws as the paper's
runs did (`float32`), the fast one as the configuration says, exactly (`float64`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch

from sedd.bench.options import Settings
from sedd.bench.plain import PlainAverage, plain_forward, plain_graph, plain_optimizer, plain_trunk
from sedd.checkpoints.build import build_graph, build_noise, build_token_proposal
from sedd.config import Experiment
from sedd.diffusion import Graph, Noise, likelihood_bound, weighted_score_entropy
from sedd.objective import ScoreEntropy
from sedd.registry import SAMPLERS
from sedd.runtime.device import autocast
from sedd.runtime.distributed import World
from sedd.runtime.seeds import generator, sampler_generator
from sedd.train.state import TrainState
from sedd.train.step import TrainingLoss, train_step

Steps = Callable[[int], None]


def prepare(settings: Settings, device: torch.device, *, plain: bool) -> Steps:
    """A function that does so many steps of the work."""
    experiment = settings.experiment()
    state = TrainState.fresh(experiment, settings.vocab, device)
    graph, noise = build_graph(experiment, settings.vocab), build_noise(experiment)
    if plain:
        graph = make_plain(state, experiment, graph)
    elif settings.compile:
        state.model.compile_trunk()
    works = {"train": training, "sample": sampling, "perplexity": bounding, "head": heading}
    return works[settings.work](state, experiment, graph, noise, plain=plain)


def make_plain(state: TrainState, experiment: Experiment, graph: Graph) -> Graph:
    """Let the same weights go the straightforward way; returns the graph that does so, too."""
    state.model.forward = functools.partial(plain_forward, state.model)
    state.model.trunk = functools.partial(plain_trunk, state.model)
    state.optimizer = plain_optimizer(experiment, state.model)
    state.ema = PlainAverage(state.model, experiment.training.ema_decay)
    return plain_graph(graph)


def random_tokens(experiment: Experiment, vocab_size: int) -> torch.Tensor:
    """Clean tokens (B, L)."""
    shape = experiment.training.batch_size, experiment.data.length
    return torch.randint(vocab_size, shape, generator=generator(experiment.seed, "tokens"))


def training(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Optimiser steps on one batch."""
    x0 = random_tokens(experiment, state.vocab_size)
    law = build_token_proposal(experiment, np.ones(state.vocab_size))
    objective = ScoreEntropy(graph, noise, law, fused=False if plain else None)

    here = World(next(state.model.parameters()).device)
    module = TrainingLoss(state.model, objective)

    def run(steps: int) -> None:
        for _ in range(steps):
            train_step(state, experiment, objective, module, x0, here)

    return run


def heading(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Training losses and their gradients, with a trunk that costs nothing: it returns the same numbers always."""
    model, device = state.model, next(state.model.parameters()).device
    draws = generator(experiment.seed, "head")
    x0 = random_tokens(experiment, state.vocab_size)
    t = (torch.arange(len(x0)) + 0.5) / len(x0)
    sigma, dsigma = noise(t)
    xt = graph.sample_transition(x0, sigma, draws)
    sigma, dsigma, xt, x0 = (tensor.to(device) for tensor in (sigma, dsigma, xt, x0))
    shape = *x0.shape, experiment.model.hidden_size
    hidden = torch.randn(shape, generator=draws).to(device).requires_grad_()
    flat = hidden.flatten(0, 1)
    model.trunk = lambda x, condition, rows=None: hidden if rows is None else flat[rows]

    def run(steps: int) -> None:
        for _ in range(steps):
            with autocast(experiment.training.precision, device):
                nats = weighted_score_entropy(
                    model, graph, sigma, dsigma, xt, x0, fused=False if plain else None
                )
            nats.mean().backward()
            model.zero_grad(set_to_none=True)  # so that the gradients count as memory of the step
            hidden.grad = None

    return run


def sampling(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """One batch of texts in so many denoising steps, and the last one that removes the noise that is left."""
    model, device = state.model.eval(), next(state.model.parameters()).device
    shape = experiment.training.batch_size, experiment.data.length
    sampler = SAMPLERS[experiment.sampling.sampler].load()
    options = {"fused": False} if plain else {}
    precision = "float32" if plain else experiment.sampling.precision

    def run(steps: int) -> None:
        draws = sampler_generator(experiment.seed, "sample", precision=precision, device=device)
        with autocast(experiment.training.precision, device):
            sampler(
                model,
                graph,
                noise,
                shape,
                steps=steps,
                precision=precision,
                generator=draws,
                device=device,
                **options,
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
