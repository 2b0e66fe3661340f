"""Statistics of laws without a table, against their definition."""

from __future__ import annotations

import math

import pytest
import torch

from sedd.diffusion.certainty import certainty
from sedd.diffusion.fast import vocabulary_sum
from sedd.diffusion.fast.certainty import BLOCK, certainty_of_rows, top_two


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_definition_has_the_statistics_of_simple_laws():
    even = certainty(torch.zeros(1, 8, dtype=torch.float64))
    assert float(even.maximum) == float(even.second) == 0.125
    assert float(even.entropy) == pytest.approx(math.log(8))
    one = certainty(torch.tensor([[0.0, -math.inf, math.log(3), -math.inf]], dtype=torch.float64))
    assert float(one.maximum) == pytest.approx(0.75)
    assert float(one.second) == pytest.approx(0.25)
    assert float(one.entropy) == pytest.approx(0.75 * math.log(4 / 3) + 0.25 * math.log(4))


@pytest.mark.parametrize("width", [2, 27, BLOCK * 4, BLOCK * 4 + 1, 1000])
def test_the_two_largest_are_found_wherever_they_are(width):
    logits = torch.randn(300, width, generator=generator())
    logits[0] = 1.0  # all equal
    logits[1] = torch.arange(width)  # both in the last block
    logits[2] = -torch.arange(width).float()
    assert torch.equal(top_two(logits), logits.topk(2, dim=1).values)


@pytest.mark.parametrize("vocab_size", [2, 27, 256, 2000])
@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize("elements", [1, 2**19])
def test_one_pass_in_chunks_gives_the_statistics(vocab_size, scale, elements, monkeypatch):
    """In one chunk and in eight; the largest logit of a row may be in any of them."""
    monkeypatch.setitem(vocabulary_sum.CHUNK_ELEMENTS, "cpu", elements)
    draws = generator(1)
    features = torch.randn(50, 6, generator=draws, dtype=torch.float64)
    weight = scale * torch.randn(vocab_size + 1, 6, generator=draws, dtype=torch.float64)
    bias = torch.randn(vocab_size + 1, generator=draws, dtype=torch.float64)
    bias[-1] = 1e4  # of the mask, which is no token
    found = certainty_of_rows(features, weight, bias, vocab_size)
    right = certainty((features @ weight.T + bias)[:, :vocab_size])
    for name in ("maximum", "second", "entropy"):
        torch.testing.assert_close(
            getattr(found, name), getattr(right, name), rtol=1e-9, atol=1e-12
        )
    assert (found.entropy >= 0).all()


def test_float32_and_bfloat16_cost_no_more_than_rounding():
    draws = generator(2)
    features, weight = torch.randn(50, 6, generator=draws), torch.randn(901, 6, generator=draws)
    bias = torch.randn(901, generator=draws)
    right = certainty((features.double() @ weight.T.double() + bias)[:, :900])
    single = certainty_of_rows(features, weight, bias, 900)
    with torch.autocast("cpu", torch.bfloat16):
        half = certainty_of_rows(features, weight, bias, 900)
    for name in ("maximum", "second", "entropy"):
        exact = getattr(right, name)
        torch.testing.assert_close(getattr(single, name), exact, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(getattr(half, name), exact, rtol=0.1, atol=0.02)
        assert not torch.equal(getattr(half, name), getattr(single, name))


def test_no_rows_have_no_statistics():
    found = certainty_of_rows(torch.zeros(0, 6), torch.zeros(30, 6), torch.zeros(30), 29)
    assert found.maximum.shape == found.second.shape == found.entropy.shape == (0,)
