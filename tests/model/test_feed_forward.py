from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from sedd.model import feed_forward
from sedd.model.feed_forward import (
    GROUP,
    biased_tanh_gelu,
    biased_tanh_gelu_gradient,
    feed_forward_layers,
)

SHAPES = [(1,), (3, 5), (1, GROUP), (2, 3, GROUP // 4 + 7), (700, 999)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_bias_and_the_tanh_form_of_gelu_take_the_place_of_the_input(shape, dtype, tolerance):
    draws = torch.Generator().manual_seed(0)
    x = 4 * torch.randn(shape, dtype=dtype, generator=draws)
    bias = torch.randn(shape[-1:], dtype=dtype, generator=draws)
    expected = F.gelu((x + bias).double(), approximate="tanh")
    result = biased_tanh_gelu(x, bias, out=x)
    assert result.data_ptr() == x.data_ptr()
    assert_close(result.double(), expected, rtol=tolerance, atol=tolerance)


def test_large_and_lost_numbers_stay_what_they_are():
    x = torch.tensor([-1e30, -1e4, -0.0, 0.0, 1e4, 1e30, float("inf"), float("nan")])
    expected = torch.tensor([0.0, 0.0, 0.0, 0.0, 1e4, 1e30, float("inf"), float("nan")])
    assert_close(biased_tanh_gelu(x, torch.zeros(8), out=torch.empty(8)), expected, equal_nan=True)


@pytest.fixture
def layers() -> nn.Sequential:
    made = feed_forward_layers(8).double()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.uniform_(-1, 1, generator=draws)
    return made


def test_without_a_gradient_the_result_is_that_of_the_layers_one_by_one(layers):
    x = torch.randn(2, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    before = x.clone()
    with torch.no_grad():
        assert_close(feed_forward.feed_forward(layers, x), layers(x), rtol=1e-13, atol=1e-13)
    assert torch.equal(x, before)


def test_with_a_gradient_value_and_derivatives_are_those_of_the_layers_one_by_one(
    layers, monkeypatch
):
    monkeypatch.setattr(
        feed_forward, "GROUP", 32
    )  # a row of 32 elements for each thread: many groups
    draws = torch.Generator().manual_seed(2)
    x = torch.randn(2, 5, 8, dtype=torch.float64, generator=draws, requires_grad=True)
    upstream = torch.randn(2, 5, 8, dtype=torch.float64, generator=draws)
    inputs = (x, *layers.parameters())
    found, expected = (
        (value, *torch.autograd.grad(value, inputs, upstream))
        for value in (feed_forward.feed_forward(layers, x), layers(x))
    )
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, rtol=1e-13, atol=1e-13)


def test_the_derivative_of_large_and_lost_numbers_is_0_or_1_or_lost():
    x = torch.tensor([-1e15, -1e4, 0.0, 1e4, 1e15, float("nan")])
    slope, total = biased_tanh_gelu_gradient(x, torch.zeros(6), torch.ones(6))
    expected = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0, float("nan")])
    assert_close(slope, expected, equal_nan=True)
    assert_close(total, expected, equal_nan=True)


def test_no_gradient_is_asked_of_frozen_layers(layers):
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: feed_forward.feed_forward(layers.requires_grad_(False), x), (x,)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_narrow_numbers_no_step_between_is_rounded(layers, dtype):
    layers = layers.to(dtype)
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(3)).to(dtype)
    with torch.no_grad():
        assert torch.equal(feed_forward.feed_forward(layers, x), layers(x))


def test_under_autocast_the_layers_run_as_it_says(layers):
    layers = layers.float()
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        result = feed_forward.feed_forward(layers, x)
        assert result.dtype == torch.bfloat16
        assert torch.equal(result, layers(x))


@pytest.mark.parametrize("x", [torch.zeros(0, 8), torch.randn(5, 2, 8).transpose(0, 1)])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_no_rows_and_rows_in_another_order_are_taken(layers, x, mode):
    with mode():
        assert_close(feed_forward.feed_forward(layers.float(), x), layers(x))


def test_a_layer_that_was_put_in_place_of_another_is_used(layers):
    layers[0] = nn.Sequential(layers[0], nn.Tanh())
    x = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        assert torch.equal(feed_forward.feed_forward(layers, x), layers(x))
