"""Parity with the reference implementation, number by number."""

from __future__ import annotations

import pytest
import torch
from helpers.golden_model import assert_agrees, load

from sedd.diffusion import score_entropy_loss

both = pytest.mark.parametrize("kind", ["absorb", "uniform"])


@both
def test_noise_schedules_equal_those_of_the_official_code(kind):
    _, _, noise, stored = load(kind)
    for prefix in ("", "grid."):
        sigma, dsigma = noise(stored[f"{prefix}t"])
        assert_agrees(sigma, stored[f"{prefix}sigma"])
        assert_agrees(dsigma, stored[f"{prefix}dsigma"])


@both
def test_log_scores_equal_those_of_the_official_network(kind):
    model, _, _, stored = load(kind)
    with torch.no_grad():
        assert_agrees(model(stored["xt"], stored["sigma"]), stored["log_score"])


@both
def test_score_entropy_equals_that_of_the_official_code(kind):
    _, graph, _, stored = load(kind)
    entropy = graph.score_entropy(stored["log_score"], stored["sigma"], stored["xt"], stored["x0"])
    assert_agrees(entropy, stored["score_entropy"])


@both
@pytest.mark.parametrize("fused", [True, False])
def test_loss_and_the_gradient_of_every_parameter(kind, fused):
    model, graph, noise, stored = load(kind)
    loss = score_entropy_loss(
        model, graph, noise, stored["x0"], stored["t"], stored["xt"], fused=fused
    )
    assert_agrees(loss.detach(), stored["loss"])
    loss.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        # sums of hundreds of terms of both signs, in another order: more of the largest is lost
        assert_agrees(parameter.grad, stored[f"grad.{name}"], of_largest=1e-6)


@both
@pytest.mark.parametrize(("state", "t"), [("late", 0.6), ("early", 0.95)])
def test_step_weights_equal_those_of_the_official_code(kind, state, t):
    model, graph, noise, stored = load(kind)
    x = stored[f"{state}.x"]
    times = torch.full((len(x),), t)
    sigma, dsigma = noise(times)
    earlier, _ = noise(times - 0.05)
    with torch.no_grad():
        log_score = model(x, sigma)
    euler = graph.euler_step_weights(log_score, x, 0.05 * dsigma)
    assert_agrees(euler, stored[f"{state}.euler_probs"])
    analytic = graph.analytic_step_weights(log_score, x, sigma - earlier)
    assert_agrees(analytic, stored[f"{state}.analytic_probs"])
    denoise = graph.analytic_step_weights(log_score, x, sigma)[..., : graph.vocab_size]
    assert_agrees(denoise, stored[f"{state}.denoise_probs"])


@both
def test_a_wrong_weight_would_be_seen(kind):
    model, _, _, stored = load(kind)
    with torch.no_grad():
        model.blocks[0].norm1.weight[3] += 1e-3
        with pytest.raises(AssertionError):
            assert_agrees(model(stored["xt"], stored["sigma"]), stored["log_score"])
