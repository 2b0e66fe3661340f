"""Texts around given tokens on the absorbing graph, with the exact denoiser: which law is drawn.

Given tokens are visible at every time, so the denoiser is that of the law given these tokens. Every
sampler then does to this conditional law what it does to the law of the data without given tokens:
first-hitting draws it exactly, and the others approach it with more steps.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.masked_chain import MaskedChain, distance
from helpers.optimal import BestDenoiser
from torch import Tensor

from sedd.diffusion import (
    Absorb,
    Denoiser,
    LogLinear,
    sample,
    sample_first_hitting,
    sample_remask,
)
from sedd.diffusion.remask_rates import Cap, ForwardBackward

COUNT, STEPS = 12000, 3
FALSE_ALARM = 1e-6  # of each of 16 comparisons
TOKENS = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0]])
FIXED = torch.tensor([[False, True, False, False], [True, False, False, True]])
NONE = Cap(0.0)  # no token is masked again


@pytest.fixture(scope="module")
def chains() -> list[MaskedChain]:
    """One for each of two choices of given tokens."""
    data = Data.random(Absorb(2), 4, seed=2)
    return [MaskedChain(data, clamp) for clamp in zip(TOKENS, FIXED, strict=True)]


def grid_law(chain: MaskedChain, steps: int, schedule=NONE, noise=LogLinear()) -> Tensor:
    """The law (K,) of the texts after `steps` steps and the denoising step."""
    sigma = noise(torch.linspace(1.0, 1e-5, steps + 1, dtype=torch.float64))[0].tolist()
    law = chain.all_masked()
    for sigma_t, sigma_s in pairwise(sigma):
        alpha_t, alpha_s = math.exp(-sigma_t), math.exp(-sigma_s)
        law = chain.step(law, alpha_t, alpha_s, schedule.rate(sigma_t, sigma_s))
    return chain.texts(chain.step(law, alpha_s, 1.0))


def test_one_position_at_a_time_gives_the_conditional_law_exactly(chains):
    for chain in chains:
        law = chain.all_masked()
        for _ in range(4):
            law = law @ chain.one_position()
        torch.testing.assert_close(chain.texts(law), chain.conditional(), rtol=0, atol=1e-12)
        unconditional = chain.data.probability
        assert distance(chain.texts(law), unconditional) > 0.3  # the given tokens matter


@pytest.mark.parametrize("schedule", [NONE, ForwardBackward()], ids=["analytic", "remask"])
def test_grid_samplers_approach_the_conditional_law_with_more_steps(chains, schedule):
    """The error is proportional to 1 / steps. Euler steps are analytic steps under this noise."""
    for chain in chains:
        errors = [distance(grid_law(chain, n, schedule), chain.conditional()) for n in (4, 64, 256)]
        assert errors[0] > 0.01
        assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)
        assert errors[2] < 0.005


def test_remasking_at_a_constant_rate_approaches_it_more_slowly(chains):
    for chain in chains:
        few, many = (
            distance(grid_law(chain, n, Cap(0.3)), chain.conditional()) for n in (128, 512)
        )
        assert 1.7 < few / many < 2.6


def draw(sampler: str, data: Data) -> Tensor:
    """Half of the texts with each choice of given tokens: (2, COUNT, 4)."""
    arguments = {
        "clamp": (TOKENS.repeat_interleave(COUNT, 0), FIXED.repeat_interleave(COUNT, 0)),
        "generator": torch.Generator().manual_seed(5),
    }
    model = Denoiser(BestDenoiser(data), data.graph)
    problem = (model, data.graph, LogLinear(), (2 * COUNT, 4))
    if sampler == "first_hitting":
        x = sample_first_hitting(*problem, **arguments)
    elif sampler == "remask":
        x = sample_remask(*problem, STEPS, remask=Cap(0.3), **arguments)
    else:
        x = sample(*problem, STEPS, sampler=sampler, **arguments)
    return x.view(2, COUNT, 4)


@pytest.mark.parametrize("sampler", ["analytic", "euler", "remask", "first_hitting"])
def test_draws_around_given_tokens_have_the_enumerated_law(chains, sampler):
    drawn = draw(sampler, chains[0].data)
    for chain, x in zip(chains, drawn, strict=True):
        possible = chain.conditional() > 0
        counts = torch.bincount(chain.data.index(x), minlength=len(possible)).double()
        assert not counts[~possible].any()
        exact = chain.conditional()[possible]
        if sampler == "first_hitting":
            assert chi_square(counts[possible], exact) > FALSE_ALARM
            assert chi_square(counts[possible], exact.flip(0)) < FALSE_ALARM
            continue
        schedule = Cap(0.3) if sampler == "remask" else NONE
        law = grid_law(chain, STEPS, schedule)[possible]
        assert chi_square(counts[possible], law) > FALSE_ALARM
        assert chi_square(counts[possible], exact) < FALSE_ALARM  # three steps are too few
