"""The estimate from drawn tokens against the whole sum over the vocabulary."""

import math

import pytest
import torch

from sedd.diffusion import (
    Absorb,
    Graph,
    LogLinear,
    Uniform,
    VocabularyDraw,
    sampled_score_entropy,
    weighted_score_entropy,
)
from sedd.model import DiffusionTransformer
from sedd.objective import ScoreEntropy
from sedd.objective.score_entropy import TokenProposal

V = 5


def network(absorb: bool = True) -> DiffusionTransformer:
    torch.manual_seed(0)
    model = DiffusionTransformer(V, absorb, hidden_size=8, n_blocks=1, n_heads=2, cond_dim=4)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return model.double().eval()


def problem(absorb: bool = True):
    generator = torch.Generator().manual_seed(1)
    graph, noise = Absorb(V) if absorb else Uniform(V), LogLinear(1e-3)
    x0 = torch.randint(V, (3, 6), generator=generator)
    sigma, dsigma = noise(torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64))
    return graph, sigma, dsigma, graph.sample_transition(x0, sigma, generator), x0


def value_and_gradients(model, loss):
    model.zero_grad()
    loss.mean().backward()
    grads = [w.grad for w in model.parameters() if w.grad is not None]
    return loss.detach(), torch.cat([grad.flatten() for grad in grads])


LAW = torch.tensor([0.4, 0.3, 0.1, 0.15, 0.05], dtype=torch.float64)
NONE = torch.empty(0, dtype=torch.long)
GRAPHS = pytest.mark.parametrize("absorb", [True, False], ids=["absorb", "uniform"])


@GRAPHS
@pytest.mark.parametrize("exact", [[], [3], [4, 1, 1]])
def test_the_mean_over_every_draw_is_the_whole_sum_in_value_and_gradient(exact, absorb):
    model, (graph, sigma, weight, xt, x0) = network(absorb), problem(absorb)
    whole = value_and_gradients(model, weighted_score_entropy(model, graph, sigma, weight, xt, x0))
    means = [torch.zeros_like(part) for part in whole]
    others = [token for token in range(V) if token not in exact]
    for seed in range(100):  # until every other token was drawn
        drawn = VocabularyDraw.draw(
            LAW, 1, torch.tensor(exact, dtype=torch.long), torch.Generator().manual_seed(seed)
        )
        if (token := int(drawn.tokens[-1])) not in others:
            continue
        others.remove(token)
        loss = sampled_score_entropy(model, graph, sigma, weight, xt, x0, drawn)
        probability = torch.exp(-drawn.log_weight[-1])
        for mean, part in zip(means, value_and_gradients(model, loss), strict=True):
            mean += probability * part
    assert not others
    for mean, part in zip(means, whole, strict=True):
        torch.testing.assert_close(mean, part, rtol=1e-12, atol=1e-12)


@GRAPHS
def test_a_batch_that_holds_the_whole_vocabulary_has_the_whole_sum(absorb):
    model, (graph, sigma, weight, xt, x0) = network(absorb), problem(absorb)
    drawn = VocabularyDraw.draw(LAW, 3, torch.arange(V), torch.Generator())
    torch.testing.assert_close(
        sampled_score_entropy(model, graph, sigma, weight, xt, x0, drawn),
        weighted_score_entropy(model, graph, sigma, weight, xt, x0),
        rtol=1e-12,
        atol=0.0,
    )


@GRAPHS
def test_the_weight_of_a_draw_is_not_rounded_with_the_products(absorb):
    """Three weights in a geometric series: what they change is one, too, whatever the logits were rounded to."""
    model, (graph, sigma, weight, xt, x0) = network(absorb).float(), problem(absorb)
    losses = []
    for power in range(3):
        drawn = VocabularyDraw(torch.tensor([1, 2]), torch.full((2,), power * 0.7))
        with torch.autocast("cpu", torch.bfloat16):
            losses.append(sampled_score_entropy(model, graph, sigma, weight, xt, x0, drawn))
    first, second, third = (loss.detach().double() for loss in losses)
    expected = torch.full((3,), math.exp(0.7), dtype=torch.float64)
    torch.testing.assert_close((third - second) / (second - first), expected, rtol=1e-5, atol=0.0)


@GRAPHS
def test_one_draw_alone_is_not_the_whole_sum(absorb):
    model, (graph, sigma, weight, xt, x0) = network(absorb), problem(absorb)
    exact = weighted_score_entropy(model, graph, sigma, weight, xt, x0)
    drawn = VocabularyDraw(torch.tensor([1]), torch.zeros(1))
    assert not torch.allclose(
        sampled_score_entropy(model, graph, sigma, weight, xt, x0, drawn), exact, rtol=1e-2
    )


def test_other_tokens_are_drawn_by_their_law_and_weighted_by_its_reciprocal():
    drawn = VocabularyDraw.draw(
        LAW, 40_000, torch.tensor([[2, 1], [1, 2]]), torch.Generator().manual_seed(3)
    )
    assert drawn.tokens[:2].tolist() == [1, 2]
    assert drawn.log_weight[:2].tolist() == [0, 0]
    law = LAW.index_fill(0, torch.tensor([1, 2]), 0.0) / 0.6
    expected = 40_000 * law
    counts = torch.bincount(drawn.tokens[2:], minlength=V).double()
    kept = expected > 0
    assert counts[~kept].sum() == 0
    # chi-square with 2 degrees of freedom exceeds 27.7 once in a million
    assert ((counts - expected) ** 2 / expected)[kept].sum() < 27.7
    torch.testing.assert_close(drawn.log_weight[2:].exp(), 1 / expected[drawn.tokens[2:]])


def test_nothing_masked_costs_nothing():
    model, (graph, sigma, weight, _, x0) = network(), problem()
    drawn = VocabularyDraw.draw(LAW, 3, NONE, torch.Generator().manual_seed(3))
    entropy = sampled_score_entropy(model, graph, sigma, weight, x0, x0, drawn)
    assert torch.equal(entropy, torch.zeros(3, dtype=torch.float64))


def test_padding_costs_nothing_without_a_mask():
    model, (graph, sigma, weight, xt, x0) = network(False), problem(False)
    drawn = VocabularyDraw.draw(LAW, 3, torch.arange(V), torch.Generator())
    padding = torch.zeros(3, 6, dtype=torch.bool)
    padding[:, 4:] = True
    xt[padding] = x0[padding] = 0
    torch.testing.assert_close(
        sampled_score_entropy(model, graph, sigma, weight, xt, x0, drawn, padding),
        weighted_score_entropy(model, graph, sigma, weight, xt, x0, padding=padding),
        rtol=1e-12,
        atol=0.0,
    )


def test_a_score_that_is_right_costs_nothing_whatever_is_drawn():
    """Without context: one token, seen unchanged; its score of every other token is rho."""
    graph, sigma = Uniform(V), torch.tensor([0.7], dtype=torch.float64)
    model = network(False)
    with torch.no_grad():
        weight, bias = model.vocabulary_layer()
        weight.zero_()
        bias.fill_(graph.log_rho(sigma).item())
    x = torch.tensor([[2]])
    drawn = VocabularyDraw.draw(LAW, 3, NONE, torch.Generator().manual_seed(3))
    loss = sampled_score_entropy(model, graph, sigma, torch.ones(1).double(), x, x, drawn)
    assert loss.item() == pytest.approx(0.0, abs=1e-15)


def test_a_graph_without_fast_parts_is_refused():
    class Own(Uniform):
        """A graph of one's own."""

    graph: Graph = Own(V)
    model, (_, sigma, weight, xt, x0) = network(False), problem(False)
    drawn = VocabularyDraw.draw(LAW, 3, NONE, torch.Generator().manual_seed(3))
    with pytest.raises(TypeError, match="Own has none"):
        sampled_score_entropy(model, graph, sigma, weight, xt, x0, drawn)
    with pytest.raises(TypeError, match="Own has none"):  # before a training begins
        ScoreEntropy(graph, LogLinear(1e-3), TokenProposal(LAW, 3))
