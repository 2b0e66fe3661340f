"""Objects built from an experiment's settings: objective, graph, noise schedule and network."""

from __future__ import annotations

import numpy as np
import torch

from sedd.config import Experiment, scales_by_sigma
from sedd.diffusion import Absorb, Geometric, Graph, LogLinear, Noise, Uniform
from sedd.model import DiffusionTransformer
from sedd.objective import D3PM, Autoregressive, LambdaDCE, Objective, ScoreEntropy
from sedd.objective.score_entropy import TokenProposal


def build_objective(
    experiment: Experiment, vocab_size: int, token_counts: np.ndarray | None = None
) -> Objective:
    """The objective of an experiment.

    token_counts: (V,) number of occurrences of each token in the training split, for a training
        loss that is estimated from sampled tokens; None for all other uses.
    """
    objective = experiment.objective
    if objective.type == "autoregressive":
        return Autoregressive(vocab_size)
    graph, noise = build_graph(experiment, vocab_size), build_noise(experiment)
    match objective.type:
        case "score_entropy":
            return ScoreEntropy(graph, noise, build_token_proposal(experiment, token_counts))
        case "d3pm":
            eps = experiment.training.time_eps
            return D3PM(graph, noise, objective.num_steps, objective.cross_entropy, eps)
        case "lambda_dce":
            assert isinstance(graph, Absorb), "checked by the configuration"
            return LambdaDCE(graph, noise, objective.time_conditioning)


def build_token_proposal(
    experiment: Experiment, token_counts: np.ndarray | None
) -> TokenProposal | None:
    """The proposal distribution of sampled tokens; None for the full sum over the vocabulary.

    It is the mean of the unigram and the uniform distribution. So no importance weight 1 / q
    exceeds 2 V, and common tokens have a small variance.
    """
    count = experiment.training.vocabulary_draws
    if count is None or token_counts is None:
        return None
    # float64: torch draws from cumulative sums, which in float32 are off by up to a percent for a large vocabulary
    unigram = torch.from_numpy(token_counts / token_counts.sum())
    return TokenProposal((unigram + 1 / len(token_counts)) / 2, count)


def build_graph(experiment: Experiment, vocab_size: int) -> Graph:
    """The graph of a diffusion experiment."""
    assert experiment.graph is not None, "checked by the configuration"
    match experiment.graph.type:
        case "absorb":
            return Absorb(vocab_size)
        case "uniform":
            return Uniform(vocab_size)


def build_noise(experiment: Experiment) -> Noise:
    """The noise schedule of a diffusion experiment."""
    noise = experiment.noise
    assert noise is not None, "checked by the configuration"
    match noise.type:
        case "loglinear":
            return LogLinear(noise.eps)
        case "geometric":
            return Geometric(noise.sigma_min, noise.sigma_max)


def build_model(
    experiment: Experiment, vocab_size: int, generator: torch.Generator | None = None
) -> DiffusionTransformer:
    """A network with initial weights from `generator`; None: arbitrary weights, to be overwritten."""
    model, kind = experiment.model, build_objective(experiment, vocab_size).network
    return DiffusionTransformer(
        vocab_size=vocab_size,
        absorb=kind.extra_state,
        hidden_size=model.hidden_size,
        n_blocks=model.n_blocks,
        n_heads=model.n_heads,
        cond_dim=model.cond_dim if kind.told_noise else None,
        dropout=model.dropout,
        scale_by_sigma=scales_by_sigma(experiment),
        causal=kind.causal,
        generator=generator or torch.Generator(),  # not the global one: loading must not advance it
    )
