from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from sedd.model.feed_forward import GROUP, FeedForward, biased_tanh_gelu_

SHAPES = [(1,), (3, 5), (1, GROUP), (2, 3, GROUP // 4 + 7), (700, 999)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_bias_and_the_tanh_form_of_gelu_take_the_place_of_the_input(shape, dtype, tolerance):
    draws = torch.Generator().manual_seed(0)
    x = 4 * torch.randn(shape, dtype=dtype, generator=draws)
    bias = torch.randn(shape[-1:], dtype=dtype, generator=draws)
    expected = F.gelu((x + bias).double(), approximate="tanh")
    result = biased_tanh_gelu_(x, bias)
    assert result.data_ptr() == x.data_ptr()
    assert_close(result.double(), expected, rtol=tolerance, atol=tolerance)


def test_large_and_lost_numbers_stay_what_they_are():
    x = torch.tensor([-1e30, -1e4, -0.0, 0.0, 1e4, 1e30, float("inf"), float("nan")])
    expected = torch.tensor([0.0, 0.0, 0.0, 0.0, 1e4, 1e30, float("inf"), float("nan")])
    assert_close(biased_tanh_gelu_(x.clone(), torch.zeros(8)), expected, equal_nan=True)


@pytest.fixture
def layers() -> FeedForward:
    made = FeedForward(8).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.uniform_(-1, 1, generator=draws)
    return made


def test_without_a_gradient_the_result_is_that_of_the_layers_one_by_one(layers):
    x = torch.randn(2, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    before = x.clone()
    with torch.no_grad():
        assert_close(layers(x), nn.Sequential(*layers)(x), rtol=1e-13, atol=1e-13)
    assert torch.equal(x, before)


def test_with_a_gradient_the_derivative_is_right(layers):
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layers, (x,))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_narrow_numbers_no_step_between_is_rounded(layers, dtype):
    layers = layers.to(dtype)
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(3)).to(dtype)
    with torch.no_grad():
        assert torch.equal(layers(x), nn.Sequential(*layers)(x))


def test_under_autocast_the_layers_run_as_it_says(layers):
    layers = layers.float()
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        result = layers(x)
        assert result.dtype == torch.bfloat16
        assert torch.equal(result, nn.Sequential(*layers)(x))
