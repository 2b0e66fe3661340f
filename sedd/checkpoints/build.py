"""From configuration to objects, by the classes that `sedd.registry` names."""

from __future__ import annotations

import numpy as np
import torch

from sedd.config import Experiment, scales_by_sigma
from sedd.diffusion import Graph, Noise
from sedd.model import DiffusionTransformer
from sedd.objective import Objective
from sedd.objective.score_entropy import TokenProposal
from sedd.registry import GRAPHS, NOISES, OBJECTIVES


def build_objective(
    experiment: Experiment, vocab_size: int, token_counts: np.ndarray | None = None
) -> Objective:
    """What the experiment's network is trained for.

    token_counts: (V,) how often each token occurs in the training split: for a loss that is estimated from drawn tokens,
        in training; None: for all other uses.
    """
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
    """Half as often as in the text, half uniform: so no weight 1 / q exceeds 2 V, and common tokens have little noise."""
    count = experiment.training.vocabulary_draws
    if count is None or token_counts is None:
        return None
    share = torch.from_numpy(token_counts / token_counts.sum())
    # float64, in which torch adds it up to draw: in float32 chances of a large vocabulary would be off by up to a per cent
    return TokenProposal((share + 1 / len(token_counts)) / 2, count)


def build_graph(experiment: Experiment, vocab_size: int) -> Graph:
    """The graph of an experiment that has one: of any but an autoregressive model."""
    section = experiment.graph
    assert section is not None, "the configuration's rules see to it"
    return GRAPHS[section.type].load()(vocab_size, **section.model_dump(exclude={"type"}))


def build_noise(experiment: Experiment) -> Noise:
    """The noise schedule, as `build_graph`."""
    section = experiment.noise
    assert section is not None, "the configuration's rules see to it"
    return NOISES[section.type].load()(**section.model_dump(exclude={"type"}))


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
        cond_dim=model.cond_dim if wanted.uses_noise else None,
        dropout=model.dropout,
        scale_by_sigma=scales_by_sigma(experiment),
        causal=wanted.causal,
        generator=generator or torch.Generator(),  # never the global one: loading must not move it
    )
