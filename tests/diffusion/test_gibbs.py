"""The Gibbs sampler of the uniform graph: what it leaves invariant, and which law it draws."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.optimal import all_states
from helpers.text_laws import noisy_law, text_transition, total_variation
from torch import Tensor

from sedd.diffusion import Absorb, Geometric, LogLinear, ScoreFunction, Uniform, sample
from sedd.diffusion.fast import score_tables
from sedd.diffusion.fast.score_tables import ScoreTables
from sedd.diffusion.gibbs import sample_gibbs
from sedd.diffusion.gibbs_corrector import GibbsCorrector
from sedd.diffusion.grid_samplers import sample_analytic, sample_euler
from sedd.diffusion.randomness import GroupedGenerator
from sedd.diffusion.trapezoidal import sample_trapezoidal

FALSE_ALARM = 1e-6
GRAPH, LENGTH = Uniform(3), 3
TEXTS = all_states(3, LENGTH)
SIGMA = torch.tensor([0.3], dtype=torch.float64)
CLAMP = (torch.tensor([1, 0, 0]), torch.tensor([True, False, False]))


@pytest.fixture(scope="module")
def data() -> Data:
    return Data.random(GRAPH, LENGTH, seed=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def corrector(model: ScoreFunction, num_positions: int = 1, num_calls: int = 1, **more):
    tables = ScoreTables(model, GRAPH)
    return GibbsCorrector(tables, generator(1), "float64", num_calls, num_positions, **more)


def call_transition(log_score: Tensor, positions: list[int], num_redrawn: int = 1) -> Tensor:
    """(S, S) of a corrector call that redraws `num_redrawn` random ones of `positions`."""
    conditional = log_score.softmax(-1)
    stay = torch.nn.functional.one_hot(TEXTS, 3).double()
    kernels = []
    for chosen in itertools.combinations(positions, num_redrawn):
        redrawn = torch.isin(torch.arange(LENGTH), torch.tensor(chosen))
        probs = torch.where(redrawn[:, None], conditional, stay)
        kernels.append(text_transition(probs, TEXTS))
    return torch.stack(kernels).mean(0)


def test_one_position_per_call_leaves_the_noisy_law_invariant_and_several_do_not(data):
    law, log_score = noisy_law(data, 0.3, TEXTS), data.log_score(TEXTS, SIGMA)
    one, two = (call_transition(log_score, [0, 1, 2], number) for number in (1, 2))
    torch.testing.assert_close(law @ one, law, rtol=1e-12, atol=0)
    assert total_variation(law @ two, law) > 0.02
    wrong = call_transition(data.log_score(TEXTS, 1.2 * SIGMA), [0, 1, 2])
    assert total_variation(law @ wrong, law) > 0.005


@pytest.mark.parametrize("num_positions", [1, 2])
def test_a_call_follows_its_enumerated_law(data, num_positions, monkeypatch):
    monkeypatch.setitem(score_tables.TABLE_ELEMENTS, "cpu", 20_000)  # several chunks
    x = torch.tensor([1, 0, 2]).repeat(30_000, 1)
    corrector(data.log_score, num_positions)(x, torch.arange(x.numel()), SIGMA)
    row = int((torch.tensor([1, 0, 2]) == TEXTS).all(1).nonzero())
    counts = torch.bincount(data.index(x), minlength=27).double()
    for level, is_right in ((SIGMA, True), (1.5 * SIGMA, False)):
        kernel = call_transition(data.log_score(TEXTS, level), [0, 1, 2], num_positions)
        possible = kernel[row] > 0
        assert counts[~possible].sum() == 0
        value = chi_square(counts[possible], kernel[row][possible])
        assert (value > FALSE_ALARM) == is_right


@pytest.mark.parametrize("num_positions", [1, 2])
def test_many_calls_keep_draws_of_the_noisy_law_or_not(data, num_positions):
    law = noisy_law(data, 0.3, TEXTS)
    x = TEXTS[torch.multinomial(law, 30_000, replacement=True, generator=generator())]
    corrector(data.log_score, num_positions, num_calls=12)(x, torch.arange(x.numel()), SIGMA)
    value = chi_square(torch.bincount(data.index(x), minlength=27).double(), law)
    assert (value > FALSE_ALARM) == (num_positions == 1)


def law_of_free_tokens(data: Data, steps: int, corrector_calls: int, kind="analytic") -> Tensor:
    """Law (S,) of texts whose first token is clamped, by enumeration of the sampler's steps."""
    clamped = torch.tensor([True, False, False])
    stay = torch.nn.functional.one_hot(TEXTS, 3).double()
    noise = Geometric(1e-4, 8.0)
    sigma, rate = noise(torch.linspace(1.0, 1e-5, steps + 1, dtype=torch.float64))
    law = (TEXTS[:, 0] == 1).double() / 9
    for k in range(steps + 1):
        length = sigma[k] - sigma[k + 1] if k < steps else sigma[k]
        if k < steps and kind == "euler":
            length = (1 - 1e-5) / steps * rate[k]
        log_score = data.log_score(TEXTS, sigma[k : k + 1])
        step = kind if k < steps else "denoise"
        probs = GRAPH.step_probs(step, log_score, TEXTS, length.expand(len(TEXTS)))
        law = law @ text_transition(torch.where(clamped[:, None], stay, probs), TEXTS)
        if k < steps:
            call = call_transition(data.log_score(TEXTS, sigma[k + 1 : k + 2]), [1, 2])
            for _ in range(corrector_calls):
                law = law @ call
    return law


def conditional(data: Data) -> Tensor:
    law = torch.where(data.support[:, 0] == 1, data.probability, 0.0)
    return law / law.sum()


@pytest.mark.parametrize("kind", ["analytic", "euler"])
def test_clamped_tokens_condition_the_rest_as_steps_grow_and_without_corrector_they_do_not(
    data, kind
):
    errors = {
        calls: [
            total_variation(law_of_free_tokens(data, steps, calls, kind), conditional(data))
            for steps in (32, 128)
        ]
        for calls in (0, 1)
    }
    assert errors[1][0] < 0.005
    assert errors[1][1] < 0.001
    assert min(errors[0]) > 0.1  # of analytic steps alone
    assert errors[0][1] > 0.9 * errors[0][0]  # more steps do not help


def p_value_of_clamped(data: Data, sampler=sample, **options) -> float:
    """Of texts around a clamped token, by 48 steps, under the law of the data given this token."""
    x = sampler(
        data.log_score, GRAPH, Geometric(1e-4, 8.0), (6000, LENGTH), 48, clamp=CLAMP,
        generator=generator(), **options,
    )  # fmt: skip
    assert (x[:, 0] == 1).all()
    counts = torch.bincount(data.index(x) - 9, minlength=9).double()
    return chi_square(counts, conditional(data)[9:18])


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("sampler", [sample_analytic, sample_euler, sample_trapezoidal])
def test_every_sampler_draws_texts_around_a_clamped_token_by_the_conditional_law(
    data, sampler, fused
):
    assert p_value_of_clamped(data, sampler, fused=fused) > FALSE_ALARM


def test_gibbs_draws_texts_around_a_clamped_token_by_the_conditional_law(data):
    assert p_value_of_clamped(data, sample_gibbs) > FALSE_ALARM


def test_steps_without_corrector_draw_another_law(data):
    assert p_value_of_clamped(data, corrector=lambda x, free, sigma: None) < FALSE_ALARM


@pytest.mark.parametrize("sampler", [sample_analytic, sample_euler, sample_trapezoidal])
def test_texts_without_clamped_tokens_take_no_corrector(sampler):
    """Alone, and beside clamped ones: the same texts and the same number of network calls."""
    network, drawn = LinearNetwork(GRAPH, 4), []
    given = torch.tensor([[True] + [False] * 3] * 2 + [[False] * 4] * 3)
    for sizes, clamped in (([3], None), ([2, 3], given)):
        size = sum(sizes)
        groups = GroupedGenerator([generator(count) for count in sizes], sizes)
        calls = torch.zeros(size, dtype=torch.int64)
        clamp = None if clamped is None else (torch.zeros(4, dtype=torch.int64), clamped)
        x = sampler(
            network, GRAPH, Geometric(), (size, 4), 6, clamp=clamp, generator=groups, calls=calls
        )
        drawn.append((x[-3:], calls[-3:]))
        if clamped is not None:
            assert (calls[:2] == calls[-3:][:2] + 6).all()
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert torch.equal(drawn[0][1], drawn[1][1])


def test_a_call_redraws_free_positions_only_each_as_often(data):
    x = GRAPH.sample_limit((9000, LENGTH), generator())
    free = torch.arange(x.numel()).view_as(x)
    free = torch.cat([free[:3000, 1:].flatten(), free[3000:6000, 2], free[6000:].flatten()])
    rows = corrector(data.log_score, 1).choose(x, free)
    assert torch.isin(rows, free).all()
    assert (rows // LENGTH).tolist() == list(range(9000))
    for start, positions in ((0, [1, 2]), (3000, [2]), (6000, [0, 1, 2])):
        part = rows[start : start + 3000] % LENGTH
        counts = torch.bincount(part, minlength=LENGTH)[positions].double()
        assert counts.sum() == 3000
        if len(positions) > 1:
            even = torch.full_like(counts, 1 / len(positions))
            assert chi_square(counts, even) > FALSE_ALARM
    rows = corrector(data.log_score, 2).choose(x, free)
    per_text = torch.bincount(rows // LENGTH, minlength=9000)
    assert per_text.unique_consecutive().tolist() == [2, 1, 2]
    assert len(rows.unique()) == len(rows)


def test_every_call_is_counted():
    graph = Uniform(5)
    network, calls = LinearNetwork(graph, 4), torch.zeros(2, dtype=torch.int64)
    clamp = (torch.zeros(4, dtype=torch.int64), torch.tensor([[False] * 4, [True] * 4]))
    seen = []
    x = sample_gibbs(
        network, graph, Geometric(), (2, 4), 6, corrector_calls=3, clamp=clamp, calls=calls,
        generator=generator(), on_step=lambda step, x: seen.append(step),
    )  # fmt: skip
    assert calls.tolist() == [6 * 4 + 1, 0]
    assert network.num_calls == 6 * 4 + 1
    assert seen == list(range(7))
    assert x[1].tolist() == [0] * 4


def test_float32_draws_follow_the_same_law():
    x = {}
    for precision in ("float64", "float32"):
        drawn = sample_gibbs(
            LinearNetwork(GRAPH, 2, seed=3), GRAPH, Geometric(1e-3, 8.0), (8000, 2), 5,
            corrector_positions=2, precision=precision, generator=generator(len(x)),
        )  # fmt: skip
        x[precision] = torch.bincount(3 * drawn[:, 0] + drawn[:, 1], minlength=9).double()
    a, b = x.values()
    assert ((a - b) ** 2 / (a + b)).sum() < 45  # chi-square of 8 degrees: false alarm 4e-7


def test_impossible_settings_are_refused():
    network = LinearNetwork(GRAPH, 2)
    with pytest.raises(ValueError, match="at least 1, got 0 and 1"):
        sample_gibbs(network, GRAPH, Geometric(), (1, 2), 2, corrector_calls=0)
    with pytest.raises(ValueError, match="a graph without a mask state"):
        sample_gibbs(LinearNetwork(Absorb(3), 2), Absorb(3), LogLinear(), (1, 2), 2)
