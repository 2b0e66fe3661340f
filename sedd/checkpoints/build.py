"""Objects built from the settings of an experiment: objective, graph, noise schedule and network."""

from __future__ import annotations

import numpy as np
import torch

from sedd.config import Experiment, scales_by_sigma
from sedd.diffusion import Graph, Noise
from sedd.model import DiffusionTransformer
from sedd.model.size import num_parameters
from sedd.objective import Objective
from sedd.objective.score_entropy import TokenProposal
from sedd.registry import GRAPHS, NOISES, OBJECTIVES


def build_objective(
    experiment: Experiment,
    vocab_size: int,
    token_counts: np.ndarray | None = None,
    separator_id: int | None = None,
) -> Objective:
    """The objective of an experiment.

    separator_id: of the vocabulary, which pads sequences with data.blocks padded; None: for uses
        that read no text.

    token_counts: (V,) number of occurrences of each token in the training split, for a training
        loss that is estimated from sampled tokens; None for all other uses.
    """
    objective = _objective(experiment, vocab_size, token_counts)
    if experiment.data.blocks == "padded":
        objective.pad = separator_id
    return objective


def _objective(
    experiment: Experiment, vocab_size: int, token_counts: np.ndarray | None
) -> Objective:
    section = experiment.objective
    info, arguments = OBJECTIVES[section.type], section.model_dump(exclude={"type"})
    if info.left_to_right:
        return info.load()(vocab_size, **arguments)
    graph, noise = build_graph(experiment, vocab_size), build_noise(experiment)
    if info.discrete_time:
        arguments["time_eps"] = experiment.training.time_eps
    if info.predicts_scores:
        arguments["vocabulary"] = build_token_proposal(experiment, token_counts)
    return info.load()(graph, noise, **arguments)


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
    unigram = torch.from_numpy(token_counts / token_counts.sum())
    # float64: torch draws from cumulative sums, which in float32 are off by up to a percent for a
    # large vocabulary
    return TokenProposal((unigram + 1 / len(token_counts)) / 2, count)


def build_graph(experiment: Experiment, vocab_size: int) -> Graph:
    """The graph of a diffusion experiment."""
    section = experiment.graph
    assert section is not None, "ensured by a rule of the configuration"
    return GRAPHS[section.type].load()(vocab_size, **section.model_dump(exclude={"type"}))


def build_noise(experiment: Experiment) -> Noise:
    """The noise schedule of a diffusion experiment."""
    section = experiment.noise
    assert section is not None, "ensured by a rule of the configuration"
    return NOISES[section.type].load()(**section.model_dump(exclude={"type"}))


def parameters_of(experiment: Experiment, vocab_size: int) -> int:
    """Number of parameters of the network that `build_model` builds."""
    model, kind = experiment.model, build_objective(experiment, vocab_size).network
    cond_dim = model.cond_dim if kind.uses_noise else None
    states = vocab_size + kind.extra_state
    return num_parameters(states, model.hidden_size, model.n_blocks, cond_dim)


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
        cond_dim=model.cond_dim if kind.uses_noise else None,
        dropout=model.dropout,
        scale_by_sigma=scales_by_sigma(experiment),
        causal=kind.causal,
        generator=generator or torch.Generator(),  # loading leaves the global generator alone
    )
