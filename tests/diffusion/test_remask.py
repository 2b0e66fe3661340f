"""The remasking sampler against the enumerated law of its states at every step."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from helpers.confidence_chain import ConfidenceChain
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.masked_chain import MaskedChain
from helpers.optimal import BestDenoiser
from torch import Tensor

from sedd.diffusion import Absorb, Denoiser, LogLinear, sample, sample_remask
from sedd.diffusion.fast.reverse import ReverseStep
from sedd.diffusion.randomness import GroupedGenerator
from sedd.diffusion.remask_rates import remask_schedule
from sedd.diffusion.reverse import PlainReverseStep
from sedd.model import DiffusionTransformer

COUNT, STEPS = 8000, 5
FALSE_ALARM = 1e-6  # of each of about 60 comparisons
SCHEDULES = [
    {"schedule": "cap", "eta": 0.2},
    {"schedule": "rescale", "eta": 0.4},
    {"schedule": "forward_backward"},
    {"schedule": "loop", "eta": 0.3, "t_on": 0.9, "t_off": 0.15, "alpha_on": 0.6},
    {"schedule": "conf"},
]
NAMES = [settings["schedule"] for settings in SCHEDULES]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def chain() -> MaskedChain:
    return MaskedChain(Data.random(Absorb(2), 3, seed=0))


@pytest.fixture(scope="module")
def confidence(chain) -> ConfidenceChain:
    return ConfidenceChain(chain)


def alphas(settings) -> list[float]:
    times = torch.linspace(1.0, 1e-5, STEPS + 1, dtype=torch.float64)
    return torch.exp(-remask_schedule(settings).levels(LogLinear(), times)).tolist()


def laws(
    settings, chain: MaskedChain, confidence: ConfidenceChain, *, balanced: bool = True
) -> list[Tensor]:
    """The enumerated law (S,) of the states after each step, the denoising step included.

    balanced: False: masks are filled as often as if no token were masked again.
    """
    schedule, levels = remask_schedule(settings), alphas(settings)
    full, law, result = confidence.start(), chain.all_masked(), []
    for alpha_t, alpha_s in pairwise(levels):
        if settings["schedule"] == "conf":
            full = confidence.step(full, alpha_t, alpha_s, balanced)
            law = confidence.states_of(full)
        else:
            rate = schedule.rate(-math.log(alpha_t), -math.log(alpha_s))
            extra = rate * alpha_t if balanced else 0.0
            law = law @ chain.transition((alpha_s - alpha_t + extra) / (1 - alpha_t), rate)
        result.append(law)
    return [*result, chain.step(law, levels[-1], 1.0)]


def p_value(chain: MaskedChain, x: Tensor, law: Tensor) -> float:
    """Of the states x (B, L) under `law` (S,); rare states count as one."""
    counts = torch.bincount(chain.index(x), minlength=len(law)).double()
    common = law * len(x) > 10
    pooled = [torch.cat([v[common], v[~common].sum()[None]]) for v in (counts, law)]
    if pooled[1][-1] * len(x) < 6:  # too rare even together: only that they are rare
        assert pooled[0][-1] < 40
        pooled = [v[:-1] for v in pooled]
        pooled[1] = pooled[1] / pooled[1].sum()
    return chi_square(*pooled)


def run(model, graph, settings, seed: int = 0, **options) -> list[Tensor]:
    """States after each step."""
    states: list[Tensor] = []
    sample_remask(
        model, graph, LogLinear(), (COUNT, 3), STEPS, remask=settings, generator=generator(seed),
        on_step=lambda step, x: states.append(x.clone()), **options,
    )  # fmt: skip
    return states


@pytest.mark.parametrize("settings", SCHEDULES, ids=NAMES)
@pytest.mark.parametrize("path", ["denoiser", "scores", "plain", "float32"])
def test_states_at_every_step_have_the_enumerated_law(settings, path, chain, confidence):
    data, graph = chain.data, chain.data.graph
    model = data.log_score if path in ("scores", "plain") else Denoiser(BestDenoiser(data), graph)
    precision = "float32" if path == "float32" else "float64"
    states = run(model, graph, settings, fused=path != "plain", precision=precision)
    expected = laws(settings, chain, confidence)
    assert len(states) in (STEPS, STEPS + 1)  # hardly a mask is left for the last
    pairs = list(zip(states, expected, strict=False))
    assert min(p_value(chain, x, law) for x, law in pairs) > FALSE_ALARM
    wrong = laws(settings, chain, confidence, balanced=False)
    assert min(p_value(chain, *pair) for pair in list(zip(states, wrong, strict=False))[:STEPS]) < (
        FALSE_ALARM
    )


def transformer(vocab_size: int) -> DiffusionTransformer:
    torch.manual_seed(0)
    model = DiffusionTransformer(
        vocab_size, True, hidden_size=16, n_blocks=2, n_heads=2, cond_dim=None,
        scale_by_sigma=False,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4)
    return model.double().eval()


@pytest.mark.parametrize("schedule", ["cap", "rescale"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"precision": "float32"},
        {"fused": False},
        {"denoise": False},
        {"top_p": 0.8, "temperature": 0.7},
        {"clamp": (torch.tensor([1] * 6), torch.tensor([True, False, False, True, False, False]))},
    ],
    ids=["fast", "float32", "plain", "undenoised", "sharpened", "clamped"],
)
@pytest.mark.parametrize("kind", ["score", "cached_denoiser"])
def test_at_rate_zero_the_texts_are_those_of_the_analytic_sampler(schedule, options, kind):
    graph = Absorb(5)
    drawn, steps, generators = [], [], [generator(3), generator(3)]
    for draw, draws in zip((sample, sample_remask), generators, strict=True):
        model = LinearNetwork(graph, 6)
        if kind == "cached_denoiser":
            model = Denoiser(transformer(5), graph, cached=True)
        remask = {"remask": {"schedule": schedule, "eta": 0.0}} if draw is sample_remask else {}
        seen: list[Tensor] = []
        drawn.append(
            draw(
                model, graph, LogLinear(), (7, 6), 40, generator=draws, **options, **remask,
                on_step=lambda step, x, seen=seen: seen.append(x.clone()),
            )
        )  # fmt: skip
        steps.append(seen)
    assert torch.equal(*drawn)
    assert all(torch.equal(*pair) for pair in zip(*steps, strict=True))
    assert torch.equal(*(draws.get_state() for draws in generators))


@pytest.mark.parametrize("settings", SCHEDULES, ids=NAMES)
def test_clamped_positions_are_never_masked_and_the_others_are(settings):
    graph = Absorb(5)
    tokens = torch.randint(5, (30, 8), generator=generator())
    fixed = torch.rand((30, 8), generator=generator()) < 0.4
    fixed[0], fixed[1] = True, False
    masked_again = torch.zeros((30, 8), dtype=torch.bool)
    before = [torch.full((30, 8), graph.mask)]

    def watch(step: int, x: Tensor) -> None:
        assert torch.equal(x[fixed], tokens[fixed])
        masked_again.logical_or_((x == graph.mask) & (before[0] != graph.mask))
        before[0] = x.clone()

    x = sample_remask(
        LinearNetwork(graph, 8), graph, LogLinear(), (30, 8), 60, remask=settings,
        clamp=(tokens, fixed), generator=generator(), on_step=watch,
    )  # fmt: skip
    assert x.max() < graph.mask
    assert not masked_again[fixed].any()
    assert masked_again[~fixed].sum() > 20


def test_a_text_without_free_positions_takes_no_step():
    graph, steps = Absorb(5), []
    tokens = torch.tensor([0, 1, 2])
    x = sample_remask(
        LinearNetwork(graph, 3), graph, LogLinear(), (2, 3), 4, clamp=(tokens, tokens >= 0),
        on_step=lambda step, x: steps.append(step),
    )  # fmt: skip
    assert torch.equal(x, tokens.expand(2, 3))
    assert not steps


def test_a_step_without_masks_takes_no_network_call():
    """Two tokens, of which hardly one is masked at a time."""
    graph = Absorb(5)
    network, steps, with_masks = LinearNetwork(graph, 2), [], [True]
    calls = torch.zeros(1, dtype=torch.long)

    def watch(step: int, x: Tensor) -> None:
        steps.append(step)
        with_masks.append(bool((x == graph.mask).any()))

    network.bias.data += 30  # the network unmasks at once
    sample_remask(
        network, graph, LogLinear(), (1, 2), 200, remask={"schedule": "cap", "eta": 0.05},
        generator=generator(), on_step=watch, calls=calls,
    )  # fmt: skip
    assert len(steps) in (200, 201)
    assert network.num_calls == int(calls) == sum(with_masks[: len(steps)])
    assert 2 < network.num_calls < 60


def test_calls_are_counted_for_each_text_that_has_masks():
    graph, before, expected = Absorb(5), [torch.full((6, 4), 5)], torch.zeros(6, dtype=torch.long)
    calls = torch.zeros(6, dtype=torch.long)

    def watch(step: int, x: Tensor) -> None:
        expected.add_((before[0] == graph.mask).any(1))
        before[0] = x.clone()

    sample_remask(
        LinearNetwork(graph, 4), graph, LogLinear(), (6, 4), 50,
        remask={"schedule": "cap", "eta": 0.05}, generator=generator(), on_step=watch, calls=calls,
    )  # fmt: skip
    assert torch.equal(calls, expected)
    assert calls.unique().numel() > 1


def test_a_cached_denoiser_draws_the_same_texts_in_fewer_runs():
    graph, model = Absorb(9), transformer(9)
    drawn, seen = [], []
    for cached in (True, False):
        denoiser = Denoiser(model, graph, cached=cached)
        drawn.append(
            sample_remask(
                denoiser, graph, LogLinear(), (3, 8), 60, generator=generator(4),
                remask={"schedule": "cap", "eta": 0.01},
            )
        )  # fmt: skip
        seen.append(denoiser.num_sequences_seen)
    assert torch.equal(*drawn)
    assert seen[0] < 0.6 * seen[1]


def test_top_k_and_top_p_bound_every_draw():
    graph = Absorb(5)
    network = LinearNetwork(graph, 4)
    network.weight.data.zero_()
    network.bias.data[:5] = torch.tensor([3.0, 1.0, 0.0, 0.0, 0.0])
    for options, allowed in [({"top_k": 1}, {0}), ({"top_p": 0.8}, {0, 1}), ({}, {0, 1, 2, 3, 4})]:
        x = sample_remask(
            network, graph, LogLinear(), (2000, 4), 8, generator=generator(),
            remask={"schedule": "rescale", "eta": 0.5}, **options,
        )  # fmt: skip
        assert set(x.unique().tolist()) == allowed


@pytest.mark.parametrize("path", ["fast", "one_row", "float32", "plain"])
def test_the_confidence_in_a_token_is_its_probability_when_it_was_drawn(path):
    graph = Absorb(5)
    network = LinearNetwork(graph, 4)
    network.bias.data -= 4  # too small a score for all positions to move
    if path == "one_row":  # the same scores everywhere
        network.place.data.zero_()
        network.constant_input_invariant = True  # type: ignore[assignment]
    x = torch.full((40, 4), graph.mask)
    rows = torch.arange(160)
    if path != "one_row":
        x[:, 1], rows = 2, rows[rows % 4 != 1]
    drawn, before = torch.full((160,), -1.0, dtype=torch.float64), x.clone()
    sigma = torch.tensor([0.7])
    precision = "float32" if path == "float32" else "float64"
    step = PlainReverseStep if path == "plain" else ReverseStep
    with torch.no_grad():
        mu = network(x, sigma)[..., :5].softmax(-1).flatten(0, 1)
        step(network, graph, generator(), precision, drawn=drawn).move_(
            x, rows, "euler", sigma, 1.0
        )
    moved = (x != before).flatten()
    assert 20 < moved.sum() < 150
    at = moved.nonzero()[:, 0]
    expected = mu[at, x.flatten()[at]]
    torch.testing.assert_close(drawn[at], expected, rtol=1e-6, atol=0)
    assert (drawn[~moved] == -1).all()


@pytest.mark.parametrize("settings", SCHEDULES, ids=NAMES)
def test_groups_of_texts_draw_as_batches_of_their_own(settings):
    graph = Absorb(5)
    network = LinearNetwork(graph, 6)
    together, first, second = (
        sample_remask(network, graph, LogLinear(), (size, 6), 20, remask=settings, generator=draws)
        for size, draws in [
            (5, GroupedGenerator([generator(1), generator(2)], [2, 3])),
            (2, generator(1)),
            (3, generator(2)),
        ]
    )
    assert torch.equal(together, torch.cat([first, second]))
