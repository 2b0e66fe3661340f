"""Samplers of denoisers: the same draws on every path, and a network that is not asked twice."""

from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.optimal import BestDenoiser, all_states

from sedd.diffusion import Absorb, Denoiser, LogLinear, Uniform, sample, sample_first_hitting
from sedd.model import DiffusionTransformer

GRAPHS = [Absorb(5), Uniform(5)]
KINDS = ["absorb", "uniform"]


@pytest.mark.parametrize("graph", GRAPHS, ids=KINDS)
@pytest.mark.parametrize("sampler", ["euler", "analytic"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_split_and_plain_networks_draw_the_same_texts(graph, sampler, precision):
    network = LinearNetwork(graph, 6)
    denoiser = Denoiser(network, graph)
    drawn = []
    for model in (denoiser, lambda x, sigma: denoiser(x, sigma)):
        drawn.append(
            sample(
                model, graph, LogLinear(), (8, 6), 7, sampler=sampler, precision=precision,
                generator=torch.Generator().manual_seed(2),
            )
        )  # fmt: skip
    assert torch.equal(*drawn)
    assert len(drawn[0].unique()) > 3


def test_the_best_denoiser_draws_the_data():
    data = Data.random(Absorb(2), 2, seed=6)
    model = Denoiser(BestDenoiser(data), data.graph)
    draws = torch.Generator().manual_seed(1)
    drawn = sample_first_hitting(model, data.graph, LogLinear(1e-6), (1500, 2), generator=draws)
    counts = torch.bincount(data.index(drawn), minlength=4).double()
    assert chi_square(counts, data.probability) > 1e-6  # the chance of a false alarm
    assert chi_square(counts, data.probability.flip(0)) < 1e-6


@pytest.mark.parametrize("graph", GRAPHS, ids=KINDS)
def test_an_analytic_step_of_a_denoiser_is_the_reverse_step_of_d3pm(graph):
    """sum over x0 of mu(x0) q(y | x, x0), written out with transition matrices."""
    network = LinearNetwork(graph, 2)
    x = all_states(graph.num_states, 2)
    if graph.mask is not None:
        x = x[(x == graph.mask).all(1)]
    later, earlier = 1.3, 0.4
    sigma = torch.tensor([later], dtype=torch.float64)
    with torch.no_grad():
        log_score = Denoiser(network, graph)(x, sigma)
        logits = network.features(x, sigma) @ network.weight.T + network.bias
    found = graph.analytic_step_probs(log_score, x, torch.full((len(x),), later - earlier))
    mu = logits[:, :5].softmax(-1)
    states = torch.arange(graph.num_states)
    before, step, after = (
        graph.transition(states, torch.tensor(level, dtype=torch.float64).expand(len(states)))
        for level in (earlier, later - earlier, later)
    )
    flat = x.flatten()
    law = torch.einsum("nk,ky,ny->ny", mu / after[:5, flat].T, before[:5], step[:, flat].T)
    torch.testing.assert_close(found.flatten(0, 1), law, rtol=1e-6, atol=1e-9)


def transformer() -> DiffusionTransformer:
    torch.manual_seed(0)
    model = DiffusionTransformer(
        9, True, hidden_size=16, n_blocks=2, n_heads=2, cond_dim=None, scale_by_sigma=False
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model.double().eval()


@pytest.mark.parametrize("sampler", ["euler", "analytic"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_network_that_sees_no_noise_is_asked_only_about_texts_that_changed(sampler, precision):
    model, graph, steps = transformer(), Absorb(9), 60
    drawn, seen, changes = [], [], []
    for cached in (True, False):
        denoiser = Denoiser(model, graph, cached=cached)
        before = [torch.full((3, 8), -1)]

        def count(step: int, x: torch.Tensor, before=before) -> None:
            changes.append(int((x != before[0]).any(1).sum()))
            before[0] = x.clone()

        drawn.append(
            sample(
                denoiser, graph, LogLinear(), (3, 8), steps, sampler=sampler,
                precision=precision, generator=torch.Generator().manual_seed(4),
                on_step=count if cached else None,
            )
        )  # fmt: skip
        seen.append(denoiser.num_sequences_seen)
    assert torch.equal(*drawn)
    # once at the start, then after each step that changed a text, but for the last
    assert seen[0] <= 3 + sum(changes[1:])
    assert seen[0] <= 3 + 3 * 8
    assert seen[1] > 2 * seen[0]


def test_the_cache_is_not_fooled_by_another_batch():
    model, graph = transformer(), Absorb(9)
    cached, plain = (Denoiser(model, graph, cached=cached) for cached in (True, False))
    draws = torch.Generator().manual_seed(0)
    sigma = torch.tensor([0.5])
    for shape in ((3, 8), (3, 8), (2, 8), (3, 5)):
        x = torch.randint(10, shape, generator=draws)
        torch.testing.assert_close(
            cached.features(x, sigma), plain.features(x, sigma), rtol=1e-12, atol=1e-13
        )
