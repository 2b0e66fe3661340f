from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, chi_square, explicit_score_entropy, rate_matrix, transition_matrix
from torch.testing import assert_close

from sedd.diffusion import Absorb, Graph, Uniform
from sedd.diffusion.randomness import rand

GRAPHS = [Absorb(2), Absorb(4), Uniform(2), Uniform(5)]
SIGMAS = [1e-5, 1e-2, 0.7, 4.0, 20.0]
each_graph = pytest.mark.parametrize(
    "graph", GRAPHS, ids=lambda g: f"{type(g).__name__}-{g.vocab_size}"
)


def possible_states(graph: Graph, x0: int) -> list[int]:
    return list(range(graph.num_states)) if graph.mask is None else [x0, graph.mask]


def random_log_score(graph: Graph, *shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, graph.num_states, generator=generator, dtype=torch.float64)


@each_graph
@pytest.mark.parametrize("sigma", SIGMAS)
def test_transitions_are_the_exponential_of_the_rate_matrix(graph, sigma):
    x0 = torch.arange(graph.vocab_size)[None]
    probs = graph.transition(x0, torch.tensor([sigma], dtype=torch.float64))
    expected = transition_matrix(graph, sigma)[: graph.vocab_size]
    assert_close(probs[0], expected, rtol=1e-12, atol=1e-15)


@each_graph
def test_drawn_transitions_follow_their_law(graph):
    generator = torch.Generator().manual_seed(3)
    x0 = torch.ones(40_000, 1, dtype=torch.int64)
    x = graph.sample_transition(x0, torch.full((40_000,), 0.7), generator)
    counts = torch.bincount(x[:, 0], minlength=graph.num_states).double()
    right, wrong = transition_matrix(graph, 0.7)[1], transition_matrix(graph, 0.8)[1]
    possible = right > 1e-12
    assert counts[~possible].sum() == 0
    assert chi_square(counts[possible], right[possible]) > 1e-6  # false alarm: 1e-6
    assert chi_square(counts[possible], wrong[possible]) < 1e-12


def test_uniforms_are_finer_than_the_float32_grid():
    """On multiples of 2^-24 a chance of 1e-7 to move would come out as 1.2e-7."""
    u = rand((1000,), torch.Generator().manual_seed(0), torch.device("cpu"))
    assert ((u * 2**24) % 1 != 0).all()


@each_graph
@pytest.mark.parametrize("sigma", SIGMAS)
def test_score_entropy_is_the_explicit_sum(graph, sigma):
    for x0 in range(graph.vocab_size):
        for x in possible_states(graph, x0):
            log_score = random_log_score(graph, 1, 1, seed=x).scatter(
                -1, torch.tensor([[[x]]]), 0.0
            )
            found = graph.score_entropy(
                log_score,
                torch.tensor([sigma], dtype=torch.float64),
                torch.tensor([[x]]),
                torch.tensor([[x0]]),
            )
            expected = (
                torch.zeros((), dtype=torch.float64)
                if graph.mask is not None and x != graph.mask
                else explicit_score_entropy(graph, log_score[0, 0], sigma, x, x0)
            )
            # the explicit sum itself cancels: its largest term is 1 / sigma times the result
            assert_close(found[0, 0], expected, rtol=1e-9, atol=1e-10)


@each_graph
@pytest.mark.parametrize("sigma", SIGMAS)
def test_score_entropy_is_least_and_zero_at_the_true_ratio(graph, sigma):
    law = transition_matrix(graph, sigma)
    for x0 in range(graph.vocab_size):
        for x in possible_states(graph, x0):
            ratio = law[x0] / law[x0, x]
            # absorb: no score reaches the ratio 0 of a wrong token, so e^-60 stands for it
            truth = ratio.log().clamp(min=-60)[None, None].requires_grad_()
            args = (
                torch.tensor([sigma], dtype=torch.float64),
                torch.tensor([[x]]),
                torch.tensor([[x0]]),
            )
            value = graph.score_entropy(truth, *args)
            (slope,) = torch.autograd.grad(value.sum(), truth)
            scale = float(ratio.max())
            assert abs(value.item()) < 1e-12 * scale
            assert slope.abs().max() < 1e-10 * scale
            for seed in range(5):
                other = truth.detach() + 0.3 * random_log_score(graph, 1, 1, seed=seed)
                active = graph.mask is None or x == graph.mask
                assert (graph.score_entropy(other, *args).item() > 0) == active


@each_graph
def test_the_expected_loss_is_least_at_the_score_of_the_data(graph):
    """Denoising: the mean over p(x0 | x) has its minimum at the ratios of the marginal law."""
    data, sigma = Data.random(graph, 2, seed=1), 0.6
    level = torch.tensor([sigma], dtype=torch.float64)
    for x in data.likelihoods(data.support, sigma).new_tensor([[0, 1], [1, 1]]).long():
        x = x if graph.mask is None else torch.full_like(x, graph.mask)
        truth = data.log_score(x[None], level).requires_grad_()
        posterior = data.posterior(x[None], sigma)[0]
        each = [graph.score_entropy(truth, level, x[None], x0[None]) for x0 in data.support]
        mean = sum(p * value.sum() for p, value in zip(posterior, each, strict=True))
        (slope,) = torch.autograd.grad(mean, truth)
        usable = torch.ones_like(slope, dtype=torch.bool).scatter(-1, x[None, :, None], False)
        assert slope[usable].abs().max() < 1e-12
        assert mean > 0.05  # the data are uncertain: the minimum is not zero


@each_graph
def test_an_analytic_step_is_the_bayes_posterior_of_each_token(graph):
    """With the true score, the law of each token at the lower noise given the whole noisy sequence."""
    data, high, low = Data.random(graph, 2, seed=2), 0.9, 0.5
    x = torch.tensor([[1, 0]])
    x = x if graph.mask is None else torch.tensor([[graph.mask, 1], [graph.mask, graph.mask]])
    log_score = data.log_score(x, torch.tensor([high], dtype=torch.float64))
    step = torch.full((len(x),), high - low, dtype=torch.float64)
    found = graph.analytic_step_probs(log_score.clamp(min=-700), x, step)
    before, after = transition_matrix(graph, low), transition_matrix(graph, high - low)
    posterior = data.posterior(x, high)
    for position in range(2):
        at_x0 = data.support[:, position]
        bridge = before[at_x0][None] * after[:, x[:, position]].T[:, None]  # (B, K, V)
        bridge = (bridge / bridge.sum(-1, keepdim=True)).nan_to_num()  # 0 / 0: x0 cannot be
        expected = (posterior[..., None] * bridge).sum(1)
        assert_close(found[:, position], expected, rtol=1e-10, atol=1e-13)


@each_graph
def test_an_euler_step_follows_the_reverse_rates(graph):
    rates, step = rate_matrix(graph), 1e-3
    x = torch.arange(graph.num_states)[None]
    log_score = random_log_score(graph, 1, graph.num_states).scatter(-1, x[..., None], 0.0)
    reverse = rates.T * log_score[0].exp()  # from x to y: rate from y to x times p(y) / p(x)
    reverse = reverse.fill_diagonal_(0.0)
    expected = torch.eye(graph.num_states) + step * (reverse - torch.diag(reverse.sum(1)))
    found = graph.euler_step_probs(log_score, x, torch.tensor([step], dtype=torch.float64))
    assert_close(found[0], expected, rtol=1e-12, atol=1e-15)


@each_graph
def test_denoising_is_the_posterior_of_the_clean_token(graph):
    data, sigma = Data.random(graph, 2, seed=4), 0.8
    x = torch.tensor([[0, 1]]) if graph.mask is None else torch.tensor([[graph.mask, 1]])
    level = torch.tensor([sigma], dtype=torch.float64)
    found = graph.denoise_probs(data.log_score(x, level).clamp(min=-700), x, level)
    posterior = data.posterior(x, sigma)[0]
    expected = torch.zeros(2, graph.vocab_size, dtype=torch.float64)
    for position in range(2):
        expected[position].index_add_(0, data.support[:, position], posterior)
    assert_close(found[0], expected, rtol=1e-10, atol=1e-13)


def test_graphs_refuse_a_vocabulary_of_one():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        Absorb(1)
