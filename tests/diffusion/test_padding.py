"""Losses and bounds of sequences with padding: those of their own tokens."""

from __future__ import annotations

import pytest
import torch
from helpers.linear_network import LinearNetwork
from test_bound import COPIES, TIME_EPS, integral_over_time

from sedd.diffusion import (
    Absorb,
    Geometric,
    LogLinear,
    StepGrid,
    Uniform,
    corrupt_rest,
    d3pm_divergence,
    likelihood_bound,
)
from sedd.diffusion.loss import weighted_score_entropy

X0 = torch.tensor([0, 1, 1])
PADDING = torch.tensor([False, False, True])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("estimator", ["paper", "stratified"])
@pytest.mark.parametrize("kind", ["absorb", "uniform"])
def test_the_bound_is_the_integral_over_noise_of_the_own_tokens(kind, estimator, fused):
    graph = Absorb(2) if kind == "absorb" else Uniform(2)
    noise = LogLinear() if kind == "absorb" else Geometric(1e-2, 5.0)
    network = LinearNetwork(graph, 3)
    with torch.no_grad():
        expected, whole = (integral_over_time(network, graph, noise, X0, own) for own in (2, 3))
    values = likelihood_bound(
        network, graph, noise, X0.expand(COPIES, 3), 6, estimator=estimator, time_eps=TIME_EPS,
        generator=torch.Generator().manual_seed(0), fused=fused, padding=PADDING.expand(COPIES, 3),
    )  # fmt: skip
    error = float(values.std() / COPIES**0.5)
    assert error < 0.03 * expected
    assert abs(float(values.mean()) - expected) < 5 * error  # false alarm: 6e-7
    assert abs(float(values.mean()) - whole) > 5 * error


def divergence(network, graph, xt, x0, padding):
    index, grid = torch.full((len(xt),), 3), StepGrid(LogLinear(), 4)
    return d3pm_divergence(network, graph, grid, index, xt, x0, 0.1, padding)


def entropy(fused: bool):
    def loss(network, graph, xt, x0, padding):
        sigma = torch.full((len(xt),), 0.7, dtype=torch.float64)
        weight = torch.full((len(xt),), 1.3, dtype=torch.float64)
        return weighted_score_entropy(network, graph, sigma, weight, xt, x0, fused, padding)

    return loss


@pytest.mark.parametrize("loss", [divergence, entropy(True), entropy(False)])
def test_on_the_uniform_graph_only_own_tokens_have_a_loss(loss):
    graph, draws = Uniform(5), torch.Generator().manual_seed(0)
    network = LinearNetwork(graph, 4)
    x0 = torch.randint(5, (3, 4), generator=draws)
    padding = torch.arange(4) >= torch.tensor([[2], [4], [1]])
    xt = corrupt_rest(graph, x0, torch.full((3,), 1.0), draws, padding)
    assert torch.equal(xt[padding], x0[padding])
    own = loss(network, graph, xt, x0, padding)
    rest = loss(network, graph, xt, x0, ~padding)
    torch.testing.assert_close(own + rest, loss(network, graph, xt, x0, None))
    assert (rest[[0, 2]] > 0).all()
    # what the padding should have been is not asked for
    other = torch.where(padding, (x0 + 1) % 5, x0)
    torch.testing.assert_close(loss(network, graph, xt, other, padding), own)
