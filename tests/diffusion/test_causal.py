"""Autoregressive models: the exact likelihood, and texts drawn with and without a cache."""

from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.optimal import BestReader, all_states, entropy

from sedd.diffusion import Uniform, causal_cross_entropy, sample_causal
from sedd.diffusion.sharpening import nucleus
from sedd.model import DiffusionTransformer

V = 3


def network(causal: bool = True, vocab_size: int = V) -> DiffusionTransformer:
    """Small, in float64, every weight random."""
    torch.manual_seed(0)
    model = DiffusionTransformer(
        vocab_size, True, hidden_size=16, n_blocks=2, n_heads=2, cond_dim=None, causal=causal
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    return model.double().eval()


@pytest.mark.parametrize("vocab_size", [2, 4])
def test_the_likelihood_of_the_best_reader_is_the_entropy_and_of_others_above(vocab_size):
    data = Data.random(Uniform(vocab_size), 3, seed=1)
    wanted = entropy(data)
    nats = causal_cross_entropy(BestReader(data), data.support, vocab_size)
    torch.testing.assert_close(nats, -data.probability.log(), rtol=1e-10, atol=0)
    blurred = causal_cross_entropy(BestReader(data, blur=0.1), data.support, vocab_size)
    assert float(data.probability @ blurred) > wanted + 1e-3


@torch.no_grad()
def test_the_likelihoods_of_all_texts_sum_to_one_if_no_position_sees_the_next():
    texts = all_states(V, 4)
    total = causal_cross_entropy(network(), texts, V).neg().exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0).double(), rtol=1e-12, atol=0)
    leaking = causal_cross_entropy(network(causal=False), texts, V).neg().exp().sum()
    assert abs(float(leaking) - 1) > 0.05


@torch.no_grad()
def test_the_likelihood_is_the_product_of_what_each_beginning_says_of_the_next():
    model, text = network(), torch.tensor([2, 0, 1, 1])
    weight, bias = model.vocabulary_layer()
    total = 0.0
    for position in range(4):
        read = torch.cat([torch.tensor([V]), text[:position]])[None]
        logits = model.features(read, None)[-1] @ weight.T + bias
        total -= float(logits[:V].log_softmax(0)[text[position]])
    assert float(causal_cross_entropy(model, text[None], V)) == pytest.approx(total, rel=1e-12)


def test_no_position_depends_on_a_later_one():
    model = network()
    seen = []
    model.vocab_embed.register_forward_hook(lambda _, __, out: seen.append(out) or out)
    features = model.features(torch.tensor([[3, 0, 2, 1, 1]]), None)
    for position in range(5):
        (slope,) = torch.autograd.grad(features[position].sum(), seen[0], retain_graph=True)
        reach = slope[0].abs().amax(1)
        assert bool((reach[: position + 1] > 1e-6).all())
        assert torch.equal(reach[position + 1 :], torch.zeros(4 - position).double())
    # and the test would notice: without the mask everything depends on everything
    open_model = network(causal=False)
    open_model.vocab_embed.register_forward_hook(lambda _, __, out: seen.append(out) or out)
    first = open_model.features(torch.tensor([[3, 0, 2, 1, 1]]), None)[0]
    (slope,) = torch.autograd.grad(first.sum(), seen[-1])
    assert bool((slope[0].abs().amax(1) > 1e-6).all())


@pytest.mark.parametrize("prefix", [None, torch.tensor([1]), torch.tensor([4, 0, 2])])
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_p": 0.8}])
def test_with_the_cache_the_same_texts_are_drawn_token_for_token(prefix, settings):
    model = network(vocab_size=7)
    drawn = []
    for cached in (True, False):
        draws = torch.Generator().manual_seed(5)
        drawn.append(
            sample_causal(
                model, 7, (6, 20), prefix=prefix, generator=draws, cached=cached, **settings
            )
        )
    assert torch.equal(*drawn)
    assert len(drawn[0].unique()) > 2
    if prefix is not None:
        assert torch.equal(drawn[0][:, : len(prefix)], prefix.expand(6, -1))


@torch.no_grad()
@pytest.mark.parametrize("prefix", [None, torch.tensor([2, 1, 0])])
def test_the_cached_network_says_what_the_whole_one_says_at_every_position(prefix):
    model, x = network(), torch.tensor([[3, 0, 2, 1, 1], [3, 1, 1, 0, 2]])
    whole = model.features(x, None).unflatten(0, (2, 5))
    for first in (1, 3):
        caches = model.new_caches(2, 5)
        parts = [model.features(x[:, :first], None, None, caches).unflatten(0, (2, -1))]
        for position in range(first, 5):
            new = x[:, position : position + 1]
            parts.append(model.features(new, None, None, caches).unflatten(0, (2, 1)))
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-12, atol=1e-13)


def test_a_full_cache_takes_no_more():
    model, x = network(), torch.zeros(2, 1, dtype=torch.long)
    caches = model.new_caches(2, 1)
    model.features(x, None, None, caches)
    with pytest.raises(ValueError, match="the cache holds 1 of 1 positions for 2 sequences"):
        model.features(x, None, None, caches)


@torch.no_grad()
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_texts_are_drawn_as_often_as_the_likelihood_says(precision):
    model, texts = network(), all_states(V, 2)
    law = causal_cross_entropy(model, texts, V).neg().exp()
    draws = torch.Generator().manual_seed(0)
    drawn = sample_causal(model, V, (8000, 2), generator=draws, precision=precision)
    counts = torch.bincount(drawn @ torch.tensor([V, 1]), minlength=V * V).double()
    likely = law > 1e-3
    assert int(likely.sum()) > 4
    observed = torch.cat([counts[likely], counts[~likely].sum()[None]])
    chance = torch.cat([law[likely], law[~likely].sum()[None]])
    if chance[-1] * 8000 < 6:
        observed, chance = observed[:-1], chance[:-1] / chance[:-1].sum()
    assert chi_square(observed, chance) > 1e-6  # the chance of a false alarm
    assert chi_square(observed, chance.flip(0)) < 1e-6


@torch.no_grad()
def test_temperature_sharpens_and_top_k_and_top_p_leave_out():
    model = network(vocab_size=7)
    weight, bias = model.vocabulary_layer()
    logits = (model.features(torch.tensor([[7]]), None) @ weight.T + bias)[:, :7]
    cold = sample_causal(model, 7, (300, 1), temperature=1e-6)
    assert bool((cold == logits.argmax()).all())
    drawn = sample_causal(model, 7, (2000, 1), top_k=3, generator=torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == set(logits[0].topk(3).indices.tolist())
    kept = nucleus(logits.softmax(-1), 0.6)[0] > 0
    assert 1 <= int(kept.sum()) < 7
    drawn = sample_causal(
        model, 7, (2000, 1), top_p=0.6, generator=torch.Generator().manual_seed(0)
    )
    assert torch.equal(torch.bincount(drawn.flatten(), minlength=7) > 0, kept)
