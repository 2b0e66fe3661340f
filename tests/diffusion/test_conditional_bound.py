"""Likelihoods given some of the tokens, against enumeration of every text of three tokens."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from helpers.exact import Data
from helpers.optimal import BestDenoiser, BestReader

from sedd.diffusion import (
    Absorb,
    Denoiser,
    Geometric,
    LogLinear,
    Uniform,
    causal_cross_entropy,
    likelihood_bound,
)
from sedd.objective import D3PM, Estimate, LambdaDCE, ScoreEntropy
from sedd.objective.objective import Objective

NOISE = LogLinear(1e-4)  # 1e-4 of the integral lies above time 1, which no estimate counts
TIME_EPS = 1e-3  # below it, 1 / t has so heavy a tail that a standard error means little
LEFT_OUT = 0.01  # nats, at most, of the parts of the integral outside [TIME_EPS, 1]
COPIES = 300
PREFIX, SUFFIX = torch.tensor([True, False, False]), torch.tensor([False, False, True])


@pytest.fixture(scope="module")
def data() -> Data:
    return Data.random(Absorb(3), 3, seed=0)


def score_function(network: BestDenoiser):
    """The scores of a denoiser as a plain function, which has no linear last layer."""
    denoiser = Denoiser(network, network.data.graph)
    return lambda x, sigma: denoiser(x, sigma)


def conditional(data: Data, given: torch.Tensor) -> torch.Tensor:
    """-log p(rest | given) of every sequence of the support: (K,)."""
    same = (data.support[:, None] == data.support[None])[:, :, given].all(-1)
    return (same.double() @ data.probability).log() - data.probability.log()


def sums_over_the_rest(data: Data, given: torch.Tensor, nats: torch.Tensor) -> torch.Tensor:
    """Sum of exp(-nats) over the texts that share the given tokens, for each text: (K,)."""
    same = (data.support[:, None] == data.support[None])[:, :, given].all(-1)
    return same.double() @ (-nats).exp()


def expected_bound(network: BestDenoiser, given: torch.Tensor) -> torch.Tensor:
    """The integral over l of dl / l times the cost of the masked tokens, by all masks: (K,).

    k given masked tokens among n have the weight B(k, n - k + 1) = (k - 1)! (n - k)! / n!.
    """
    x0, mask = network.data.support, network.data.graph.mask
    free = [position for position in range(3) if not given[position]]
    total = torch.zeros(len(x0), dtype=torch.float64)
    n = len(free)
    for k in range(1, n + 1):
        weight = math.factorial(k - 1) * math.factorial(n - k) / math.factorial(n)
        for masked in combinations(free, k):
            x = x0.clone()
            x[:, list(masked)] = mask
            law = network.features(x, None).view(len(x0), 3, -1).log_softmax(-1)
            cost = -law.gather(-1, x0[..., None])[..., 0]
            total += weight * cost[:, list(masked)].sum(1)
    return total


def estimated(objective: Objective, network, x0: torch.Tensor, given, estimator, draws=8):
    """Mean and standard error of the estimates of each sequence: (K,) each."""
    estimate = Estimate(draws, estimator, TIME_EPS)
    rows = x0.repeat(COPIES, 1)
    nats = objective.negative_log_likelihood(
        network, rows, estimate, torch.Generator().manual_seed(0), given.expand(rows.shape)
    ).view(COPIES, -1)
    return nats.mean(0), nats.std(0) / COPIES**0.5


@pytest.mark.parametrize("given", [PREFIX, SUFFIX], ids=["prefix", "suffix"])
def test_the_bound_with_exact_predictions_is_the_conditional_likelihood(data, given):
    """In closed form; it sums to one over the rest. A worse network has a larger bound."""
    truth = conditional(data, given)
    exact = expected_bound(BestDenoiser(data), given)
    torch.testing.assert_close(exact, truth, rtol=1e-12, atol=1e-12)
    ones = torch.ones_like(truth)
    sums = sums_over_the_rest(data, given, exact)
    torch.testing.assert_close(sums, ones, rtol=1e-12, atol=0)
    blurred = expected_bound(BestDenoiser(data, blur=0.4), given)
    assert bool((sums_over_the_rest(data, given, blurred) < 0.999).all())


@pytest.mark.parametrize("given", [PREFIX, SUFFIX], ids=["prefix", "suffix"])
@pytest.mark.parametrize("estimator", ["paper", "stratified"])
@pytest.mark.parametrize("blur", [0.0, 0.4])
def test_estimates_of_score_entropy_and_cross_entropy_have_this_mean(data, given, estimator, blur):
    network = BestDenoiser(data, blur=blur)
    expected = expected_bound(network, given)
    for objective, model in (
        (ScoreEntropy(data.graph, NOISE), score_function(network)),
        (LambdaDCE(data.graph, NOISE), network),
    ):
        nats, error = estimated(objective, model, data.support, given, estimator)
        assert error.mean() < 0.2
        # 27 sequences, 16 comparisons each of 27: a false alarm once in 4000 for normal estimates
        assert bool(((nats - expected).abs() < 5 * error + LEFT_OUT).all())
        # the mean over all of them tells the conditional from the joint likelihood
        joint = -data.probability.log()
        assert abs(float((nats - joint).mean())) > 10 * float(error.mean()) / 27**0.5


def test_estimates_with_exact_predictions_sum_to_one_over_the_rest(data):
    network = BestDenoiser(data)
    nats, error = estimated(LambdaDCE(data.graph, NOISE), network, data.support, PREFIX, "paper")
    sums = sums_over_the_rest(data, PREFIX, nats)
    spread = sums_over_the_rest(data, PREFIX, 2 * (nats - error.log()))  # of (p error)^2
    assert bool(((sums - 1).abs() < 5 * spread.sqrt() + LEFT_OUT).all())
    assert spread.sqrt().max() < 0.03
    joint, _ = estimated(
        LambdaDCE(data.graph, NOISE), network, data.support, torch.zeros(3).bool(), "paper"
    )
    assert bool((sums_over_the_rest(data, PREFIX, joint) < 0.8).all())


def test_a_discrete_bound_of_one_step_is_the_sum_of_the_marginals_given_the_context(data):
    """One step unmasks every token at once, so nothing is random."""
    objective = D3PM(data.graph, NOISE, num_steps=1)
    nats = objective.negative_log_likelihood(
        BestDenoiser(data), data.support, Estimate(1, "paper", 0.0), None, PREFIX.expand(27, 3)
    )
    expected = torch.zeros(27, dtype=torch.float64)
    for position in (1, 2):
        pair = PREFIX.clone()
        pair[position] = True  # p(token, prefix) = p(rest | prefix) / p(rest | token, prefix)
        expected += conditional(data, PREFIX) - conditional(data, pair)
    torch.testing.assert_close(nats, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_autoregressive_likelihood_after_a_prefix_is_exact(data, count):
    given = torch.arange(3) < count
    nats = causal_cross_entropy(BestReader(data), data.support, 3, given.expand(27, 3))
    torch.testing.assert_close(nats, conditional(data, given), rtol=1e-10, atol=1e-10)


def test_rows_of_a_batch_may_have_different_given_tokens(data):
    network, x0 = BestDenoiser(data), data.support[5:7]
    given = torch.stack([PREFIX, torch.tensor([False, True, True])])
    rows, masks = x0.repeat(2000, 1), given.repeat(2000, 1)
    for estimator in ("paper", "stratified"):
        nats = likelihood_bound(
            score_function(network), data.graph, NOISE, rows, 4, estimator=estimator,
            time_eps=TIME_EPS, generator=torch.Generator().manual_seed(1), given=masks,
        ).view(2000, 2)  # fmt: skip
        expected = torch.stack([conditional(data, one)[5 + i] for i, one in enumerate(given)])
        error = nats.std(0) / 2000**0.5
        assert bool(((nats.mean(0) - expected).abs() < 5 * error + LEFT_OUT).all())


def test_no_given_token_changes_nothing(data):
    network, given = score_function(BestDenoiser(data)), torch.zeros(27, 3).bool()
    for estimator in ("paper", "stratified"):
        first, second = (
            likelihood_bound(
                network, data.graph, NOISE, data.support, 6, estimator=estimator,
                generator=torch.Generator().manual_seed(2), given=mask,
            )
            for mask in (None, given)
        )  # fmt: skip
        assert torch.equal(first, second)


def test_a_clamped_context_is_no_bound_of_the_conditional_for_the_uniform_graph():
    """Exact scores: the clamped integral misses -log p(rest | given), which absorb reaches."""
    graph, noise = Uniform(2), Geometric(1e-3, 12.0)
    data = Data.random(graph, 2, seed=3)
    given = torch.tensor([True, False])
    nodes, weights = np.polynomial.legendre.leggauss(80)
    total = torch.zeros(4, dtype=torch.float64)
    for node, weight in zip(nodes, weights, strict=True):
        sigma, dsigma = noise(torch.tensor([(node + 1) / 2], dtype=torch.float64))
        law = graph.transition(data.support, sigma.expand(4))[:, 1]  # (4, 2) of the second token
        for state in range(2):
            x = data.support.clone()
            x[:, 1] = state
            log_score = data.log_score(x, sigma)
            entropy = graph.score_entropy(log_score, sigma.expand(4), x, data.support)[:, 1]
            total += weight / 2 * float(dsigma) * law[:, state] * entropy
    gap = total - conditional(data, given)
    assert gap.abs().max() > 0.05
    # the law of the process is another one: its bound leaves 1 - sum to texts of less than that
    assert sums_over_the_rest(data, given, total).min() < 0.97


@pytest.mark.parametrize(
    "objective", [ScoreEntropy(Uniform(3), NOISE), D3PM(Uniform(3), NOISE, num_steps=4)]
)
def test_given_tokens_without_a_mask_are_refused(objective):
    x0, given = torch.zeros(1, 3, dtype=torch.long), PREFIX[None]
    with pytest.raises(ValueError, match="needs a graph with a mask"):
        objective.negative_log_likelihood(None, x0, Estimate(1, "paper", 0.0), None, given)


def test_a_text_of_which_every_token_is_given_is_refused(data):
    with pytest.raises(ValueError, match="none is left to score"):
        likelihood_bound(
            None, data.graph, NOISE, data.support, 1, given=torch.ones(27, 3, dtype=torch.bool)
        )


def test_tokens_in_the_middle_cannot_be_given_to_an_autoregressive_model(data):
    given = torch.tensor([False, True, False]).expand(27, 3)
    with pytest.raises(ValueError, match="it takes a prefix"):
        causal_cross_entropy(BestReader(data), data.support, 3, given)
