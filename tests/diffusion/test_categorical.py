from __future__ import annotations

import math

import pytest
import torch
from helpers.exact import chi_square

from sedd.diffusion.categorical import RowCdf, clocks, draw, exponential_race


def random_weights(rows: int, states: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(rows, states, generator=generator, dtype=dtype) ** 6
    return torch.where(torch.rand(rows, states, generator=generator) < 0.3, 0.0, weights)


@pytest.mark.parametrize("states", [2, 511, 512, 513, 1024, 3000])
def test_two_levels_draw_what_one_cumulative_sum_draws(states):
    weights = random_weights(200, states) + 1e-9
    u = torch.rand(200, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cumulative = weights.cumsum(1)
    expected = torch.searchsorted(cumulative, (u * cumulative[:, -1])[:, None], right=True)[:, 0]
    assert torch.equal(RowCdf(weights).draw(u), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_of_the_unit_interval_draw_the_first_and_last_possible_state(dtype):
    weights = torch.zeros(1, 1500, dtype=dtype)
    weights[0, [3, 700, 1200]] = torch.tensor([0.1, 0.3, 1e-7], dtype=dtype)
    cdf = RowCdf(weights)
    below_one = math.nextafter(1.0, 0.0)
    for u, expected in [(0.0, 3), (0.24, 3), (0.26, 700), (below_one, 1200)]:
        assert cdf.draw(torch.tensor([u], dtype=torch.float64)).item() == expected


def test_states_of_weight_zero_are_never_drawn():
    weights = random_weights(300, 900)
    for seed in range(20):
        drawn = draw(weights, torch.Generator().manual_seed(seed))
        assert (weights.gather(1, drawn[:, None]) > 0).all()


def test_only_the_rows_asked_for_are_drawn():
    weights = random_weights(6, 700)
    u = torch.tensor([0.2, 0.9], dtype=torch.float64)
    rows = torch.tensor([4, 1])
    expected = RowCdf(weights[rows]).draw(u)
    assert torch.equal(RowCdf(weights).draw(u, rows), expected)


@pytest.mark.parametrize("method", [draw, exponential_race])
def test_draws_follow_the_weights(method):
    weights = torch.tensor([0.5, 2.0, 0.1, 0.0, 1.4], dtype=torch.float64)
    drawn = method(weights.expand(40_000, 5), torch.Generator().manual_seed(2))
    counts = torch.bincount(drawn, minlength=5).double()
    assert counts[3] == 0
    possible = weights > 0
    law = weights[possible] / weights.sum()
    assert chi_square(counts[possible], law) > 1e-6  # false alarm: 1e-6
    assert chi_square(counts[possible], law.sqrt() / law.sqrt().sum()) < 1e-12


RARE = 1e-8


def test_inversion_in_float64_keeps_the_tail():
    """A state of weight 1e-8 is drawn for exactly that part of the unit interval."""
    cdf = RowCdf(torch.tensor([[1.0, RARE]]))
    edge = 1 / (1 + float(torch.tensor(RARE)))
    for u, expected in [(edge - 1e-14, 0), (edge + 1e-14, 1)]:
        assert cdf.draw(torch.tensor([u], dtype=torch.float64)).item() == expected


def test_the_float32_race_loses_the_tail():
    """The chance of the same state, summed over the grid of float32 uniforms, is 50 times too
    small.
    """
    grid = 2.0**-24
    u = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(u, (u.double() / grid).round().float() * grid)
    smallest = clocks((1 - torch.arange(1, 200, dtype=torch.float64) * grid).float()).double()
    # it wins where the clock of the common state, Exp(1), exceeds its own divided by its weight
    assert float((grid * torch.exp(-smallest / RARE)).sum()) < RARE / 50
    fine = 2.0**-40
    smallest = clocks(1 - torch.arange(1, 200_000, dtype=torch.float64) * fine)
    unbiased = float((fine * torch.exp(-smallest / RARE)).sum())
    assert abs(unbiased / RARE - 1) < 0.02  # the constant 1e-10 costs 1 %
