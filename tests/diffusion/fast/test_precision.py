from __future__ import annotations

import pytest
import torch

from sedd.diffusion.fast.precision import exp_product_into


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 4e-5), (torch.float64, 1e-13)])
def test_the_exponential_of_a_product_is_as_exact_as_the_product(dtype, bound):
    """Logits from -80 to 80, so that an error of 2^-24 of a logit is 5e-6 of its exponential."""
    generator = torch.Generator().manual_seed(0)
    a, b, add = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in [(40, 16), (16, 300), (300,)]
    )
    a *= 80 / (a @ b + add).abs().max()
    expected = (a.to(dtype).double() @ b.to(dtype).double() + add.to(dtype).double()).exp()
    out = torch.empty(40, 400, dtype=dtype)[:, :300]  # as a part of a wider table
    exp_product_into(out, a.to(dtype), b.to(dtype), add.to(dtype))
    assert ((out.double() - expected) / expected).abs().max() < bound
