"""From configuration to objects: the only place where a string chooses a class."""

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
    """What the experiment's network is trained for.

    token_counts: (V,) how often each token occurs in the training split: for a loss that is estimated from drawn tokens,
        in training; None: for all other uses.
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
            assert isinstance(graph, Absorb), "the configuration's rules see to it"
            return LambdaDCE(graph, noise, objective.time_conditioning)


def build_token_proposal(
    experiment: Experiment, token_counts: np.ndarray | None
) -> TokenProposal | None:
    """Half as often as in the text, half uniform: so no weight 1 / q exceeds 2 V, and common tokens have little noise."""
    count = experiment.training.vocabulary_draws
    if count is None or token_counts is None:
        return None
    share = torch.from_numpy(token_counts / token_counts.sum())
    # float64, in which torch adds it up to draw: in float32 chances of a large vocabulary would be off by up to a per cent
    return TokenProposal((share + 1 / len(token_counts)) / 2, count)


def build_graph(experiment: Experiment, vocab_size: int) -> Graph:
    """The graph of an experiment that has one: of any but an autoregressive model."""
    assert experiment.graph is not None, "the configuration's rules see to it"
    match experiment.graph.type:
        case "absorb":
            return Absorb(vocab_size)
        case "uniform":
            return Uniform(vocab_size)


def build_noise(experiment: Experiment) -> Noise:
    """The noise schedule, as `build_graph`."""
    noise = experiment.noise
    assert noise is not None, "the configuration's rules see to it"
    match noise.type:
        case "loglinear":
            return LogLinear(noise.eps)
        case "geometric":
            return Geometric(noise.sigma_min, noise.sigma_max)


def build_model(
    experiment: Experiment, vocab_size: int, generator: torch.Generator | None = None
) -> DiffusionTransformer:
    """The network with fresh weights, drawn from `generator`; None: for weights that are loaded next, any will do."""
    model, wanted = experiment.model, build_objective(experiment, vocab_size).network
    return DiffusionTransformer(
        vocab_size=vocab_size,
        absorb=wanted.extra_state,
        hidden_size=model.hidden_size,
        n_blocks=model.n_blocks,
        n_heads=model.n_heads,
        cond_dim=model.cond_dim if wanted.told_noise else None,
        dropout=model.dropout,
        scale_by_sigma=scales_by_sigma(experiment),
        causal=wanted.causal,
        generator=generator or torch.Generator(),  # never the global one: loading must not move it
    )
