"""The computations that a benchmark can measure, as functions of the number of steps.

Each has two paths.

fast: the code of `sedd train`, `sedd sample` and `sedd perplexity`.
plain: the same numbers from the plain implementation in `plain.py`, never compiled.

Each path has its own network, optimizer and generators, from the same seeds. The plain sampler
draws in float32, as the paper's runs did; the fast one as the configuration says (float64, exact,
by default).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch

from sedd.bench.options import BenchOptions
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


def prepare(options: BenchOptions, device: torch.device, *, plain: bool) -> Steps:
    """Build the computation that `options.work` names, as a function of the number of steps."""
    experiment = options.experiment()
    state = TrainState.fresh(experiment, options.vocab, device)
    graph, noise = build_graph(experiment, options.vocab), build_noise(experiment)
    if plain:
        graph = make_plain(state, experiment, graph)
    elif options.compile:
        state.model.compile_trunk()
    build = {
        "train": train_steps,
        "sample": sample_steps,
        "perplexity": perplexity_steps,
        "head": head_steps,
    }[options.work]
    return build(state, experiment, graph, noise, plain=plain)


def make_plain(state: TrainState, experiment: Experiment, graph: Graph) -> Graph:
    """Switch the network, optimizer and moving average in `state` to the code of `sedd.bench.plain`.

    Returns the plain version of the graph.
    """
    state.model.forward = functools.partial(plain_forward, state.model)
    state.model.trunk = functools.partial(plain_trunk, state.model)
    state.optimizer = plain_optimizer(experiment, state.model)
    state.ema = PlainAverage(state.model, experiment.training.ema_decay)
    return plain_graph(graph)


def random_tokens(experiment: Experiment, vocab_size: int) -> torch.Tensor:
    """Draw clean tokens (B, L)."""
    shape = experiment.training.batch_size, experiment.data.length
    return torch.randint(vocab_size, shape, generator=generator(experiment.seed, "tokens"))


def train_steps(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Optimizer steps on one batch."""
    x0 = random_tokens(experiment, state.vocab_size)
    proposal = build_token_proposal(experiment, np.ones(state.vocab_size))
    objective = ScoreEntropy(graph, noise, proposal, fused=False if plain else None)

    world = World(next(state.model.parameters()).device)
    module = TrainingLoss(state.model, objective)

    def run(steps: int) -> None:
        for _ in range(steps):
            train_step(state, experiment, objective, module, x0, world)

    return run


def head_steps(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Losses and gradients of the head alone: the blocks are replaced by fixed features."""
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
            model.zero_grad(set_to_none=True)  # so that each step allocates its gradients
            hidden.grad = None

    return run


def sample_steps(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Samples of one batch, plus the last step that removes the remaining noise."""
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


def perplexity_steps(
    state: TrainState, experiment: Experiment, graph: Graph, noise: Noise, *, plain: bool
) -> Steps:
    """Likelihood bounds of one batch; a step is one random time."""
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
