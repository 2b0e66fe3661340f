"""The entropy bound: the law of texts and the number of network calls, by enumeration."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.optimal import BestDenoiser
from helpers.order_law import bounded, distance, law_of_steps, law_of_texts, outcomes

from sedd.diffusion import Absorb, Denoiser, LogLinear
from sedd.diffusion.entropy_bound import sample_entropy_bound

FALSE_ALARM = 1e-6
COUNT = 8000
LENGTH = 4
NOISE = LogLinear(1e-3)
DATA = Data.random(Absorb(2), LENGTH, seed=2)


def draw(data: Data, **options) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts, and the network calls of each."""
    calls = torch.zeros(COUNT, dtype=torch.int64)
    x = sample_entropy_bound(
        Denoiser(BestDenoiser(data), data.graph), data.graph, NOISE, (COUNT, LENGTH),
        generator=torch.Generator().manual_seed(1), calls=calls, **options,
    )  # fmt: skip
    return x, calls


def p_value(observed: torch.Tensor, law: torch.Tensor) -> float:
    counts = torch.bincount(observed, minlength=len(law)).double()
    assert counts[law == 0].sum() == 0
    return chi_square(counts[law > 0], law[law > 0])


@pytest.mark.parametrize(("gamma", "temperature"), [(0.5, 1.0), (0.6, 0.8)])
def test_texts_and_calls_have_the_law_of_the_enumeration(gamma, temperature):
    expected = outcomes(DATA, bounded(gamma), temperature)
    x, calls = draw(DATA, gamma=gamma, temperature=temperature)
    steps = law_of_steps(expected, LENGTH)
    assert int((steps > 0).sum()) > 1  # the number of calls is random
    assert p_value(calls, steps) > FALSE_ALARM
    assert p_value(DATA.index(x), law_of_texts(DATA, expected)) > FALSE_ALARM
    assert p_value(DATA.index(x), DATA.probability) < FALSE_ALARM


def test_without_a_budget_one_position_is_filled_a_step_and_the_data_drawn():
    expected = outcomes(DATA, bounded(0.0))
    law = law_of_texts(DATA, expected)
    torch.testing.assert_close(law, DATA.probability, rtol=1e-9, atol=1e-12)
    x, calls = draw(DATA, gamma=0.0)
    assert (calls == LENGTH).all()
    assert p_value(DATA.index(x), DATA.probability) > FALSE_ALARM
    sharp = law_of_texts(DATA, outcomes(DATA, bounded(0.0), 0.5))
    assert distance(sharp, DATA.probability) > 0.15


def test_tokens_that_are_certain_cost_no_step():
    """The second and the fourth token repeat the ones before them."""
    repeats = (DATA.support[:, 0::2] == DATA.support[:, 1::2]).all(1)
    law = DATA.probability * repeats
    data = Data(DATA.graph, DATA.support, law / law.sum())
    expected = outcomes(data, bounded(1e-9))  # the sums of rounded entropies are not quite 0
    torch.testing.assert_close(law_of_texts(data, expected), data.probability)
    assert float(law_of_steps(expected, LENGTH)[3]) == pytest.approx(1)
    x, calls = draw(data, gamma=1e-9)
    # a token; its copy, with a token of the other pair; the copy of this one
    assert (calls == 3).all()
    assert p_value(data.index(x), data.probability) > FALSE_ALARM


def test_the_bound_limits_the_error_of_each_step():
    """The divergence of the data from the texts is at most gamma for each step but the last."""
    divergences = []
    for gamma in (0.0, 0.3, 0.6, 0.9, 1.5, 3.0):
        expected = outcomes(DATA, bounded(gamma))
        law = law_of_texts(DATA, expected)
        divergences.append(float((DATA.probability * (DATA.probability / law).log()).sum()))
        most = max(steps for _, steps in expected)
        assert divergences[-1] <= gamma * most + 1e-12
    assert divergences[0] < 1e-12
    assert divergences[-1] == max(divergences) > 0.05


def test_an_infinite_bound_fills_everything_at_once():
    x, calls = draw(DATA, gamma=math.inf)
    assert (calls == 1).all()
    assert (x < DATA.graph.mask).all()


def test_clamped_positions_stay_and_finished_texts_cost_nothing():
    graph = Absorb(5)
    fixed = torch.tensor([[True] * 3 + [False] * 5, [False] * 8, [True] * 8])
    calls = torch.zeros(3, dtype=torch.int64)
    x = sample_entropy_bound(
        LinearNetwork(graph, 8), graph, NOISE, (3, 8), gamma=0.0,
        clamp=(torch.full((8,), 4), fixed), generator=torch.Generator().manual_seed(0), calls=calls,
    )  # fmt: skip
    assert (x[fixed] == 4).all()
    assert calls.tolist() == [5, 8, 0]


@pytest.mark.parametrize("gamma", [-0.1, math.nan])
def test_a_negative_bound_is_refused(gamma):
    graph = Absorb(5)
    with pytest.raises(ValueError, match="gamma must be at least 0, got"):
        sample_entropy_bound(LinearNetwork(graph, 2), graph, NOISE, (1, 2), gamma=gamma)
