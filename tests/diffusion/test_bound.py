"""Both estimators of the bound against the integral itself, over all masks of three tokens."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from helpers.linear_network import LinearNetwork

from sedd.diffusion import Absorb, Geometric, LogLinear, Uniform, bound, likelihood_bound
from sedd.diffusion.bound import noise_at_angle, stratified_quantiles
from sedd.diffusion.loss import weighted_score_entropy

TIME_EPS = 0.02
X0 = torch.tensor([0, 1, 1])
COPIES = 4000


def integral_over_time(network, graph, noise, x0: torch.Tensor, own: int = 3) -> float:
    """Mean over t in [TIME_EPS, 1] of the expected loss, by Gauss-Legendre quadrature and
    enumeration. own: number of tokens that are corrupted and have a loss, the first ones.
    """
    length = len(x0)
    choices = [range(graph.num_states) if i < own else [int(x0[i])] for i in range(length)]
    x = torch.tensor(list(itertools.product(*choices)))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    total = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        t = torch.tensor([TIME_EPS + (1 - TIME_EPS) * (node + 1) / 2], dtype=torch.float64)
        sigma, dsigma = noise(t)
        law = graph.transition(x0[None], sigma)[0]
        chance = law[torch.arange(own), x[:, :own]].prod(1)
        possible = chance > 0
        entropy = graph.score_entropy(
            network(x, sigma.expand(len(x))), sigma.expand(len(x)), x, x0.expand(len(x), length)
        )[:, :own].sum(1)
        total += weight / 2 * float(dsigma * (chance * entropy)[possible].sum())
    return total


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("estimator", ["paper", "stratified"])
@pytest.mark.parametrize("kind", ["absorb", "uniform"])
def test_both_estimators_have_the_integral_as_their_mean(kind, estimator, fused):
    graph = Absorb(2) if kind == "absorb" else Uniform(2)
    noise = LogLinear() if kind == "absorb" else Geometric(1e-2, 5.0)
    network = LinearNetwork(graph, 3)
    with torch.no_grad():
        expected = integral_over_time(network, graph, noise, X0)
    values = likelihood_bound(
        network, graph, noise, X0.expand(COPIES, 3), 6, estimator=estimator, time_eps=TIME_EPS,
        generator=torch.Generator().manual_seed(0), fused=fused,
    )  # fmt: skip
    error = float(values.std() / COPIES**0.5)
    assert error < 0.03 * expected
    assert abs(float(values.mean()) - expected) < 5 * error  # false alarm: 6e-7
    assert abs(float(values.mean()) - 1.2 * expected) > 5 * error


@pytest.mark.parametrize("noise", [LogLinear(), Geometric(1e-4, 20.0)])
def test_the_mean_over_angles_is_the_mean_over_times(noise):
    """With u in its sum instead of a draw: int dsigma = sigma(1) - sigma(eps), and two more integrals.

    float32 sigma: 1e-7.
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    sigma, weight = noise_at_angle(noise, torch.from_numpy((nodes + 1) / 2), TIME_EPS)
    lowest, highest = noise(torch.tensor([TIME_EPS, 1.0], dtype=torch.float64))[0].tolist()
    mean_of = torch.from_numpy(weights / 2) * weight * (1 - TIME_EPS)
    assert float(mean_of.sum()) == pytest.approx(highest - lowest, rel=1e-9)
    square = (highest**2 - lowest**2) / 2
    assert float((mean_of * sigma).sum()) == pytest.approx(square, rel=1e-6)
    decay = np.exp(-lowest) - np.exp(-highest)
    assert float((mean_of * (-sigma).exp()).sum()) == pytest.approx(decay, rel=1e-6)


@pytest.mark.parametrize(("kind", "gain"), [("absorb", 2.0), ("uniform", 5.0)])
def test_stratification_lowers_the_variance(kind, gain):
    graph = Absorb(2) if kind == "absorb" else Uniform(2)
    noise = LogLinear() if kind == "absorb" else Geometric(1e-2, 5.0)
    network = LinearNetwork(graph, 16)
    x0 = torch.randint(2, (16,), generator=torch.Generator().manual_seed(1)).expand(1500, 16)
    paper, stratified = (
        likelihood_bound(
            network, graph, noise, x0, 8, estimator=estimator,
            generator=torch.Generator().manual_seed(0),
        ).var()
        for estimator in ("paper", "stratified")
    )  # fmt: skip
    assert paper / stratified > gain


def test_each_stratified_draw_has_a_stratum_and_a_straight_line_does_not_scatter():
    draws = torch.Generator().manual_seed(0)
    u = torch.stack(list(stratified_quantiles(100, 8, "stratified", draws, torch.device("cpu"))))
    assert torch.equal((u * 8).floor(), torch.arange(8.0, dtype=u.dtype)[:, None].expand(8, 100))
    torch.testing.assert_close(u.mean(0), torch.full_like(u[0], 0.5), rtol=1e-14, atol=0)
    assert len(u[0].unique()) == 100


def test_the_bound_of_the_true_score_is_the_entropy_of_the_data():
    """Independent fair coins: log 2 a token, whatever is masked."""
    graph = Absorb(2)

    def score(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        log_score = -torch.log(2 * torch.expm1(sigma.double()))[:, None, None]
        log_score = log_score.expand(*x.shape, 3).clone()
        return log_score.scatter(-1, x[..., None], 0.0)

    x0 = torch.randint(2, (500, 10), generator=torch.Generator().manual_seed(0))
    values = likelihood_bound(
        score, graph, LogLinear(), x0, 40, estimator="stratified",
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    expected = 10 * torch.tensor(2.0).log()
    # times above the last one, 1 - 1e-3, count as nothing: one part in a thousand is missing
    error = float(values.std() / 500**0.5)
    assert abs(float(values.mean() - 0.999 * expected)) < 5 * error + 1e-3
    assert error < 0.02


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"num_draws": 0}, "num_draws must be at least 1"), ({"estimator": "exact"}, "got 'exact'")],
)
def test_impossible_settings_are_refused(settings, message):
    network = LinearNetwork(Absorb(2), 3)
    with pytest.raises(ValueError, match=message):
        likelihood_bound(network, Absorb(2), LogLinear(), X0[None], **{"num_draws": 2, **settings})


@pytest.mark.parametrize("estimator", ["paper", "stratified"])
@pytest.mark.parametrize("kind", ["absorb", "uniform"])
def test_draws_that_go_through_the_network_together_say_the_same(kind, estimator, monkeypatch):
    graph = Absorb(2) if kind == "absorb" else Uniform(2)
    network = LinearNetwork(graph, 3)
    values, calls = [], []

    def loss(*given):
        calls.append(given[-1].shape[0])
        return weighted_score_entropy(*given, fused=True)

    for tokens in (1, 2 * 5 * 3):  # one draw at a time; two
        monkeypatch.setattr(bound, "TOKENS_TOGETHER", tokens)
        draws = torch.Generator().manual_seed(0)
        values.append(
            likelihood_bound(
                network, graph, LogLinear(), X0.expand(5, 3), 7, estimator=estimator,
                generator=draws, loss=loss,
            )
        )  # fmt: skip
    assert calls == [5] * 7 + [10, 10, 10, 5]
    torch.testing.assert_close(values[0], values[1], rtol=1e-12, atol=0)


def test_no_sequences_have_no_bound():
    network = LinearNetwork(Absorb(2), 3)
    assert likelihood_bound(network, Absorb(2), LogLinear(), X0[None][:0], 4).shape == (0,)


@pytest.mark.parametrize("size", [4, 27])
def test_the_bound_leaves_out_what_is_below_the_smallest_noise(size):
    """One uniform token, whose exact score is that of no change: the rest is a closed form.

    With exact scores, the entropy of the data is the bound and what is uncertain of a token at
    sigma_min, H(x0 | x) = h(m) + m log(V - 1), where m is the probability of another token.
    """
    graph, noise = Uniform(size), Geometric(1e-4, 20.0)
    moved = -np.expm1(-1e-4) * (size - 1) / size
    left_out = -moved * np.log(moved) - (1 - moved) * np.log1p(-moved) + moved * np.log(size - 1)
    u, weights = np.polynomial.legendre.leggauss(400)
    t = torch.from_numpy((u + 1) / 2)
    sigma, dsigma = noise(t)
    x = torch.tensor([[0], [1]])  # kept, or moved to one of size - 1 others
    total = 0.0
    for level, rate, weight in zip(sigma, dsigma, weights, strict=True):
        law = graph.transition(torch.zeros_like(x), level.expand(2))[:, 0]
        score = torch.zeros(2, 1, size, dtype=torch.float64)
        entropy = graph.score_entropy(score, level.expand(2), x, torch.zeros_like(x))[:, 0]
        chance = torch.stack([law[0, 0], (size - 1) * law[0, 1]])
        total += weight / 2 * float(rate * (chance * entropy).sum())
    assert total + left_out == pytest.approx(np.log(size), abs=1e-6)
    assert 0.5e-3 < left_out < 2e-3  # so a bound without it is too low by this
