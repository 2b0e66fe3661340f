"""Rates of remasking, and what they do to the law of a text, by exact enumeration."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from helpers.confidence_chain import ConfidenceChain
from helpers.exact import Data
from helpers.masked_chain import MaskedChain, distance

from sedd.diffusion import Absorb, LogLinear
from sedd.diffusion.remask_rates import Cap, ForwardBackward, Loop, Rescale, remask_schedule

NOISE = LogLinear(1e-9)  # all tokens are masked at time 1, but for 1e-9
SCHEDULES = [Cap(0.02), Cap(0.3), Rescale(0.5), ForwardBackward(), Loop(0.1)]
NAMES = ["cap", "large_cap", "rescale", "forward_backward", "loop"]


def alphas(schedule, steps: int, eps: float = 1e-5) -> list[float]:
    times = torch.linspace(1.0, eps, steps + 1, dtype=torch.float64)
    return torch.exp(-schedule.levels(NOISE, times)).tolist()


def rate(schedule, alpha_t: float, alpha_s: float) -> float:
    return schedule.rate(-math.log(alpha_t), -math.log(alpha_s))


def final_law(chain: MaskedChain, schedule, steps: int) -> torch.Tensor:
    """The law (K,) of the texts, after the denoising step."""
    law, levels = chain.all_masked(), alphas(schedule, steps)
    for alpha_t, alpha_s in pairwise(levels):
        law = chain.step(law, alpha_t, alpha_s, rate(schedule, alpha_t, alpha_s))
    return chain.texts(chain.step(law, levels[-1], 1.0))


def correlated(length: int = 3) -> MaskedChain:
    return MaskedChain(Data.random(Absorb(2), length, seed=0))


def independent() -> MaskedChain:
    """Three positions that know nothing of each other, each with its own law."""
    data = Data.random(Absorb(2), 3, seed=0)
    ones = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    law = torch.where(data.support == 1, ones, 1 - ones).prod(1)
    return MaskedChain(Data(data.graph, data.support, law))


@pytest.mark.parametrize("alpha_t", [0.001, 0.3, 0.6, 0.95])
def test_rates_are_those_of_the_formulas(alpha_t):
    alpha_s = alpha_t + 0.04
    largest = min(1.0, (1 - alpha_s) / alpha_t)
    for schedule, expected in [
        (Cap(0.02), min(0.02, largest)),
        (Rescale(0.02), 0.02 * largest),
        (remask_schedule({"schedule": "conf"}), largest),
        (ForwardBackward(), min((alpha_s - alpha_t) / alpha_t, largest)),
        (Loop(0.02), 0.0),
    ]:
        assert rate(schedule, alpha_t, alpha_s) == pytest.approx(expected, rel=1e-12)
    assert rate(Loop(0.02), alpha_t, alpha_t) == pytest.approx(min(0.02, (1 - alpha_t) / alpha_t))


def test_rates_are_finite_at_extreme_noise():
    for schedule in SCHEDULES:
        assert 0 <= schedule.rate(5000.0, 3000.0) <= 1
        assert 0 <= schedule.rate(1e-12, 1e-13) < 1e-12


def test_the_loop_holds_its_noise_between_two_linear_parts():
    times = torch.tensor([1.0, 0.775, 0.55, 0.3, 0.05, 0.02505, 1e-4], dtype=torch.float64)
    visible = torch.exp(-Loop().levels(NOISE, times))
    expected = torch.tensor([0.0, 0.45, 0.9, 0.9, 0.9, 0.94995, 0.9999], dtype=torch.float64)
    torch.testing.assert_close(visible, expected, rtol=0, atol=2e-9)
    levels = alphas(Loop(), 40)
    assert all(s >= t for t, s in pairwise(levels))
    held = [rate(Loop(), *pair) for pair in pairwise(levels)]
    assert sum(r == 0.02 for r in held) == 19  # steps that lie between 0.55 and 0.05
    assert sum(r == 0.0 for r in held) == 21


@pytest.mark.parametrize("schedule", SCHEDULES, ids=NAMES)
@pytest.mark.parametrize("steps", [5, 40])
def test_independent_positions_have_the_law_of_the_forward_process_at_every_time(schedule, steps):
    """All its consequences: the law of one position, and that of which positions are masked."""
    chain = independent()
    law, wrong = chain.all_masked(), chain.all_masked()
    worst = 0.0
    for alpha_t, alpha_s in pairwise(alphas(schedule, steps)):
        r = rate(schedule, alpha_t, alpha_s)
        law = chain.step(law, alpha_t, alpha_s, r)
        # the law starts without the 1e-9 that is visible at time 1
        torch.testing.assert_close(law, chain.forward(alpha_s), rtol=0, atol=1e-8)
        plain_fill = (alpha_s - alpha_t) / (1 - alpha_t)  # as if nothing were masked again
        wrong = wrong @ chain.transition(plain_fill, r)
        worst = max(worst, distance(wrong, chain.forward(alpha_s)))
    assert worst > 0.02


@pytest.mark.parametrize("schedule", SCHEDULES, ids=NAMES)
def test_the_masked_positions_have_the_law_of_the_forward_process_for_any_data(schedule):
    chain = correlated()
    law = chain.all_masked()
    hidden = (chain.states == chain.mask).long() @ torch.tensor([4, 2, 1])
    for alpha_t, alpha_s in pairwise(alphas(schedule, 12)):
        law = chain.step(law, alpha_t, alpha_s, rate(schedule, alpha_t, alpha_s))
        patterns, expected = (
            torch.zeros(8, dtype=torch.float64).index_add(0, hidden, each)
            for each in (law, chain.forward(alpha_s))
        )
        torch.testing.assert_close(patterns, expected, rtol=0, atol=1e-8)


def test_the_final_law_tends_to_the_data_as_the_steps_grow():
    """Slopes of log error over log steps: 1 for plain steps and forward-backward.

    At a constant rate, the number of positions that move in a step does not fall with the number of
    steps until the noise is low: slope 1/2.
    """
    chain = correlated()
    for schedule, slope, at_256 in [
        (Cap(0.0), 1.0, 0.002),
        (ForwardBackward(), 1.0, 0.003),
        (Rescale(0.5), 0.5, 0.012),
    ]:
        few, many = (
            distance(final_law(chain, schedule, n), chain.conditional()) for n in (64, 256)
        )
        assert math.log(few / many) / math.log(4) == pytest.approx(slope, abs=0.1)
        assert many < at_256


def test_the_loop_holds_a_law_that_tends_to_the_forward_process_as_eta_falls():
    """The error of the held law is proportional to eta, and more steps do not reduce it."""
    chain, on = correlated(), 0.9
    forward, errors = chain.forward(on), []
    for eta in (0.04, 0.02, 0.01):
        law = forward
        for _ in range(round(20 / eta)):
            law = chain.step(law, on, on, eta)
        held = chain.step(law, on, on, eta)
        assert distance(held, law) < 1e-6
        errors.append(distance(law, forward))
    assert 0 < errors[2] < 0.003
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.1)
    coarse, fine = (
        distance(final_law(chain, Loop(0.02), n), chain.conditional()) for n in (256, 1024)
    )
    assert fine > 0.8 * coarse


def test_confidence_keeps_the_number_of_masks_but_not_the_law_of_the_data():
    """A remasked token is chosen by its probability, so likely tokens stay too often."""
    chain = correlated()
    confidence = ConfidenceChain(chain)
    assert torch.equal(confidence.states_of(confidence.start()), chain.all_masked())
    schedule = remask_schedule({"schedule": "conf"})
    errors = []
    for steps in (16, 64):
        law, published = confidence.start(), confidence.start()
        off, published_off = 0.0, 0.0
        for alpha_t, alpha_s in pairwise(alphas(schedule, steps)):
            law = confidence.step(law, alpha_t, alpha_s)
            published = confidence.step(published, alpha_t, alpha_s, balanced=False)
            off = max(off, abs(confidence.num_masks(law) - 3 * (1 - alpha_s)))
            published_off = max(
                published_off, abs(confidence.num_masks(published) - 3 * (1 - alpha_s))
            )
        assert off < 0.02  # of 3
        assert published_off > 1
        final = chain.step(confidence.states_of(law), alpha_s, 1.0)
        errors.append(distance(chain.texts(final), chain.conditional()))
    assert errors[1] > 0.03
    assert distance(final_law(chain, Cap(0.0), 64), chain.conditional()) < 0.01


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "never"}, "schedule must be one of cap, rescale, .*, got 'never'"),
        ({"schedule": "cap", "eta": 1.5}, r"eta must lie in \[0, 1\], got 1.5"),
        ({"schedule": "loop", "t_on": 0.05}, "0 < t_off < t_on < 1 must hold, got 0.05, 0.05"),
        ({"schedule": "loop", "alpha_on": 1.0}, "alpha_on must lie between 0 and 1, got 1.0"),
    ],
)
def test_impossible_schedules_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        remask_schedule(settings)


def test_a_loop_outside_the_noise_schedule_is_refused():
    times = torch.linspace(1.0, 0.1, 5, dtype=torch.float64)
    with pytest.raises(
        ValueError, match=r"alpha_on must lie between .* and t_off must be above the last time 0.1"
    ):
        Loop().levels(NOISE, times)
