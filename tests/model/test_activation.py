from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from sedd.model.activation import GROUP, TanhGELU

SHAPES = [(1,), (3, 5), (GROUP,), (2, 3 * GROUP + 7)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_the_activation_is_the_tanh_form_of_gelu_and_takes_the_place_of_its_input(
    shape, dtype, tolerance
):
    x = 4 * torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    expected = F.gelu(x.double(), approximate="tanh")
    result = TanhGELU()(x)
    assert result.data_ptr() == x.data_ptr()
    assert_close(result.double(), expected, rtol=tolerance, atol=tolerance)


def test_large_and_lost_numbers_stay_what_they_are():
    x = torch.tensor([-1e30, -1e4, -0.0, 0.0, 1e4, 1e30, float("inf"), float("nan")])
    expected = torch.tensor([0.0, 0.0, 0.0, 0.0, 1e4, 1e30, float("inf"), float("nan")])
    assert_close(TanhGELU()(x.clone()), expected, equal_nan=True)


def test_with_a_gradient_the_input_is_left_alone():
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    before = x.detach().clone()
    assert torch.autograd.gradcheck(TanhGELU(), (x,))
    assert torch.equal(x, before)
