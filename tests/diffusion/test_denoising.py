"""The likelihood of masked diffusion: against the entropy, against score entropy, and in pieces against itself whole."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.exact import Data
from helpers.linear_network import LinearNetwork
from helpers.optimal import BestDenoiser, all_states, entropy

from sedd.diffusion import (
    Absorb,
    Denoiser,
    LogLinear,
    Uniform,
    denoising_cross_entropy,
    likelihood_bound,
)
from sedd.diffusion.fast import row_chunks

LENGTH = 3


def whole_bound(network, data: Data) -> float:
    """The integral of dlambda / lambda over all of [0, 1] of the expected cross entropy, by the law of each mask.

    A mask of k tokens has the chance lambda^k (1 - lambda)^(L - k), and the integral of that by lambda is a Beta function.
    """
    graph, total = data.graph, 0.0
    sigma = torch.tensor([0.7], dtype=torch.float64)
    weight = torch.expm1(sigma)  # so that what is left is the plain sum
    for masked in all_states(2, LENGTH).bool():
        k = int(masked.sum())
        if k == 0:
            continue
        chance = math.gamma(k) * math.gamma(LENGTH - k + 1) / math.gamma(LENGTH + 1)
        for x0, probability in zip(data.support, data.probability, strict=True):
            xt = torch.where(masked, graph.mask, x0)[None]
            nats = denoising_cross_entropy(network, graph, sigma, weight, xt, x0[None])
            total += chance * float(probability * nats)
    return total


@pytest.mark.parametrize("vocab_size", [2, 3, 4])
def test_the_bound_of_the_best_denoiser_is_the_entropy_and_of_others_above(vocab_size):
    data = Data.random(Absorb(vocab_size), LENGTH, seed=1)
    wanted = entropy(data)
    assert whole_bound(BestDenoiser(data), data) == pytest.approx(wanted, rel=1e-10)
    blurred = [whole_bound(BestDenoiser(data, blur), data) for blur in (0.05, 0.2, 0.5)]
    assert wanted + 1e-4 < blurred[0] < blurred[1] < blurred[2]
    assert blurred[1] > 1.003 * wanted


@pytest.mark.parametrize("estimator", ["paper", "stratified"])
def test_the_estimated_bound_reaches_the_entropy(estimator):
    data = Data.random(Absorb(3), LENGTH, seed=2)
    draws = torch.Generator().manual_seed(0)
    x0 = data.support[torch.multinomial(data.probability, 1500, True, generator=draws)]
    values = {}
    for blur in (0.0, 0.5):
        values[blur] = likelihood_bound(
            BestDenoiser(data, blur), data.graph, LogLinear(1e-6), x0, 12,
            estimator=estimator, generator=draws, loss=denoising_cross_entropy,
        )  # fmt: skip
    error = float(values[0.0].std() / 1500**0.5)
    wanted = entropy(data)
    assert error < 0.03 * wanted
    assert abs(float(values[0.0].mean()) - wanted) < 5 * error  # false alarm: 6e-7
    assert float(values[0.5].mean()) > wanted + 5 * error


@pytest.mark.parametrize("estimator", ["paper", "stratified"])
def test_a_score_network_and_the_denoiser_it_is_have_the_same_bound(estimator):
    """mu = s (e^sigma - 1): RADD's theorem, sequence by sequence and draw by draw."""
    graph, noise = Absorb(4), LogLinear()
    network = LinearNetwork(graph, 5)
    denoiser = Denoiser(network, graph)
    x0 = torch.randint(4, (20, 5), generator=torch.Generator().manual_seed(1))
    bounds = []
    for model, loss in (
        (lambda x, sigma: denoiser(x, sigma), None),  # score entropy of the implied scores
        (network, denoising_cross_entropy),
    ):
        draws = torch.Generator().manual_seed(3)
        with torch.no_grad():
            bounds.append(
                likelihood_bound(
                    model, graph, noise, x0, 6, estimator=estimator, generator=draws, loss=loss
                )
            )
    assert bounds[0].std() > 0.5
    torch.testing.assert_close(*bounds, rtol=1e-5, atol=1e-6)  # weights are in float32


@pytest.mark.parametrize("graph", [Absorb(3), Uniform(3)], ids=["absorb", "uniform"])
@pytest.mark.parametrize("sigma", [0.05, 0.8, 6.0])
def test_the_scores_that_the_best_denoiser_implies_are_the_true_ones(graph, sigma):
    data = Data.random(graph, LENGTH, seed=4)
    x = all_states(graph.num_states, LENGTH)
    level = torch.tensor([sigma], dtype=torch.float64)
    found = Denoiser(BestDenoiser(data), graph)(x, level).exp()
    true = data.log_score(x, level).exp()
    if graph.mask is not None:  # off the masks nothing moves backwards, and nothing is said
        masked = (x == graph.mask)[..., None]
        assert masked.any()
        found, true = found * masked, true * masked
    torch.testing.assert_close(found, true, rtol=1e-9, atol=1e-12)


def test_only_masked_positions_are_asked_about_and_a_text_without_any_costs_nothing():
    graph = Absorb(4)
    network = LinearNetwork(graph, 5)
    x0 = torch.randint(4, (2, 5), generator=torch.Generator().manual_seed(1))
    xt = x0.clone()
    xt[1, 2] = graph.mask
    ones = torch.ones(2, dtype=torch.float64)
    nats = denoising_cross_entropy(network, graph, ones, ones, xt, x0)
    logits = network.features(xt, ones, torch.tensor([7])) @ network.weight.T + network.bias
    expected = -logits[0, :4].log_softmax(0)[x0[1, 2]] / math.expm1(1)
    torch.testing.assert_close(nats, torch.stack([torch.zeros_like(expected), expected]))
    denoising_cross_entropy(network, graph, ones, ones, x0, x0).sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in (network.weight, network.bias))


@pytest.mark.parametrize("rows", [1, 3, 7, 1000])
def test_groups_of_rows_give_the_values_and_gradients_of_all_at_once(rows, monkeypatch):
    graph = Absorb(5)
    draws = torch.Generator().manual_seed(0)
    x0 = torch.randint(5, (4, 6), generator=draws)
    sigma = torch.tensor([0.2, 1.0, 3.0, 9.0], dtype=torch.float64)
    xt = graph.sample_transition(x0, sigma, draws)
    results = []
    for elements in (2**25, rows * graph.vocab_size):
        monkeypatch.setattr(row_chunks, "TABLE_ELEMENTS", elements)
        network = LinearNetwork(graph, 6)
        nats = denoising_cross_entropy(network, graph, sigma, sigma, xt, x0)
        (nats * torch.arange(1.0, 5.0)).sum().backward()
        results.append([nats.detach(), *(p.grad for p in network.parameters())])
    assert results[0][0].max() > 1
    for whole, grouped in zip(*results, strict=True):
        torch.testing.assert_close(whole, grouped, rtol=1e-12, atol=1e-14)


def test_the_loss_is_the_plain_softmax_over_a_table():
    graph = Absorb(5)
    draws = torch.Generator().manual_seed(0)
    x0 = torch.randint(5, (4, 6), generator=draws)
    sigma = torch.tensor([0.2, 1.0, 3.0, 9.0], dtype=torch.float64)
    xt = graph.sample_transition(x0, sigma, draws)
    network = LinearNetwork(graph, 6)
    logits = (network.features(xt, sigma) @ network.weight.T + network.bias).view(4, 6, -1)
    log_mu = logits[..., :5].log_softmax(-1)
    plain = -(log_mu.gather(-1, x0[..., None])[..., 0] * (xt == graph.mask)).sum(1)
    found = denoising_cross_entropy(network, graph, sigma, torch.expm1(sigma), xt, x0)
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=0)
