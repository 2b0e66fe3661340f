from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sedd.diffusion import Geometric, LogLinear, sample_times

NOISES = [LogLinear(), LogLinear(eps=0.1), Geometric(), Geometric(1e-2, 3.0)]


def times() -> torch.Tensor:
    return torch.linspace(1e-5, 1.0, 201, dtype=torch.float64)


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_the_rate_is_the_derivative_of_the_total_noise(noise):
    t = times().requires_grad_()
    sigma, dsigma = noise(t)
    (derivative,) = torch.autograd.grad(sigma.sum(), t)
    assert_close(dsigma, derivative, rtol=1e-12, atol=0.0)


def test_log_linear_noise_moves_tokens_in_proportion_to_time():
    sigma, _ = LogLinear(eps=1e-3)(times())
    assert_close(-torch.expm1(-sigma), 0.999 * times(), rtol=1e-14, atol=0.0)


def test_geometric_noise_runs_from_its_least_to_its_greatest():
    sigma, _ = Geometric(1e-4, 20.0)(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    expected = torch.tensor([1e-4, (1e-4 * 20.0) ** 0.5, 20.0], dtype=torch.float64)
    assert_close(sigma, expected, rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_float32_schedules_keep_their_digits_at_both_ends(noise):
    t = torch.tensor([1e-5, 1e-3, 0.5, 0.999, 1.0])
    for single, double in zip(noise(t), noise(t.double()), strict=True):
        # 1 - (1 - eps) t at t = 1 is eps: a thousand times the rounding error of t
        assert_close(single.double(), double, rtol=2e-4, atol=0.0)


@pytest.mark.parametrize("make", [lambda: LogLinear(eps=0.0), lambda: Geometric(1.0, 0.5)])
def test_impossible_schedules_are_refused(make):
    with pytest.raises(ValueError, match="got"):
        make()


def test_stratified_times_hold_one_in_each_equal_part():
    generator = torch.Generator().manual_seed(0)
    t = sample_times(64, 1e-3, generator, stratified=True)
    part = ((t.double() - 1e-3) / (1 - 1e-3) * 64).floor()
    assert torch.equal(part.sort().values, torch.arange(64, dtype=torch.float64))


@pytest.mark.parametrize("stratified", [False, True])
def test_times_are_uniform(stratified):
    generator = torch.Generator().manual_seed(1)
    draws = [sample_times(8, 0.2, generator, stratified) for _ in range(4000)]
    first = torch.stack(draws)[:, 0 if not stratified else 3].double()
    low, width = (0.2, 0.8) if not stratified else (0.2 + 0.8 * 3 / 8, 0.1)
    # mean of 4000 uniforms: beyond 5 standard errors with probability 6e-7
    assert abs(first.mean() - (low + width / 2)) < 5 * width / (12 * 4000) ** 0.5
    assert first.min() >= low - 1e-6
    assert first.max() <= low + width + 1e-6
