"""Samplers with the true score must give the data; L = 2, so that a law on few sequences says
everything.
"""

from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork

from sedd.diffusion import (
    Absorb,
    Geometric,
    Graph,
    LogLinear,
    Noise,
    Uniform,
    sample,
    sample_first_hitting,
)
from sedd.diffusion.fast import score_tables

COUNT = 8000
FALSE_ALARM = 1e-6


def process(kind: str, vocab_size: int = 2) -> tuple[Graph, Noise]:
    if kind == "absorb":
        return Absorb(vocab_size), LogLinear()
    return Uniform(vocab_size), Geometric(1e-3, 8.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def p_value(data: Data, x: torch.Tensor) -> float:
    counts = torch.bincount(data.index(x), minlength=len(data.support)).double()
    return chi_square(counts, data.probability)


@pytest.mark.parametrize(
    ("kind", "sampler", "steps"),
    [("absorb", "analytic", 96), ("uniform", "analytic", 48), ("uniform", "euler", 160)],
)
def test_the_true_score_gives_the_data_and_too_few_steps_do_not(kind, sampler, steps, monkeypatch):
    """Euler and analytic steps are the same law under log-linear absorbing noise: one of them is
    tested.
    """
    monkeypatch.setitem(score_tables.TABLE_ELEMENTS, "cpu", 5000)  # several groups of rows a step
    graph, noise = process(kind)
    data = Data.random(graph, 2, seed=0)

    def run(steps: int) -> float:
        x = sample(
            data.log_score, graph, noise, (COUNT, 2), steps,
            sampler=sampler, generator=generator(),
        )  # fmt: skip
        return p_value(data, x)

    assert run(steps) > FALSE_ALARM
    assert run(2) < FALSE_ALARM


def test_first_hitting_is_exact_where_a_grid_of_as_many_steps_is_not():
    graph, noise = process("absorb")
    data = Data.random(graph, 2, seed=0)

    def score(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        # each sequence has its own noise; at a masked position the score is the posterior times 1 /
        # (e^sigma - 1)
        posterior = data.posterior(x, 1.0)
        clean = torch.zeros(*x.shape, graph.num_states, dtype=torch.float64)
        for position in range(2):
            clean[:, position].index_add_(1, data.support[:, position], posterior)
        return (clean / torch.expm1(sigma.double())[:, None, None]).log().clamp(min=-700)

    hit = sample_first_hitting(score, graph, noise, (COUNT, 2), generator=generator())
    assert p_value(data, hit) > FALSE_ALARM
    grid = sample(data.log_score, graph, noise, (COUNT, 2), 2, generator=generator())
    assert p_value(data, grid) < FALSE_ALARM


@pytest.mark.parametrize("kind", ["absorb", "uniform"])
@pytest.mark.parametrize("sampler", ["euler", "analytic"])
def test_fast_plain_and_float32_steps_have_the_same_law(kind, sampler):
    """A network in the split form, so that the fast path applies its last layer itself."""
    graph, noise = process(kind, 3)
    network = LinearNetwork(graph, 2, seed=3)
    counts = []
    for fused, precision in [(False, "float64"), (True, "float64"), (True, "float32")]:
        x = sample(
            network, graph, noise, (COUNT, 2), 6, sampler=sampler, precision=precision,
            generator=generator(len(counts)), fused=fused,
        )  # fmt: skip
        counts.append(torch.bincount(3 * x[:, 0] + x[:, 1], minlength=9).double())
    for other in counts[1:]:
        pooled = (counts[0] + other) / (2 * COUNT)
        # two samples: the same statistic on twice the variance
        statistic = ((counts[0] - other) ** 2 / (2 * pooled * COUNT)).sum()
        assert statistic < 45  # chi-square of 8 degrees of freedom: false alarm 4e-7
    shifted = LinearNetwork(graph, 2, seed=4)
    x = sample(shifted, graph, noise, (COUNT, 2), 6, sampler=sampler, generator=generator())
    other = torch.bincount(3 * x[:, 0] + x[:, 1], minlength=9).double()
    assert ((counts[0] - other) ** 2 / (counts[0] + other)).sum() > 45


def test_first_hitting_times_are_order_statistics():
    """Of two tokens the first falls at 2/3 of the range on average and the second at 1/3."""
    graph, noise = Absorb(2), LogLinear()
    network = LinearNetwork(graph, 2)
    told = []

    def watched(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        told.append(-torch.expm1(-sigma.double()))
        return network(x, sigma)

    sample_first_hitting(watched, graph, noise, (COUNT, 2), generator=generator())
    first, second = told
    # variance 1 / 18 each; beyond 5 standard errors with probability 6e-7
    assert abs(first.mean() / 0.999 - 2 / 3) < 5 * (1 / 18 / COUNT) ** 0.5
    assert abs(second.mean() / 0.999 - 1 / 3) < 5 * (1 / 18 / COUNT) ** 0.5
    told.clear()
    sample_first_hitting(watched, graph, noise, (50, 2), eps=0.4, generator=generator())
    assert min(float(level.min()) for level in told) == pytest.approx(0.4 * 0.999, rel=1e-6)


@pytest.mark.parametrize("kind", ["absorb", "uniform"])
def test_autocast_changes_draws_no_more_than_rounding_does(kind):
    graph, noise = process(kind, 3)
    network = LinearNetwork(graph, 2, seed=3).float()
    laws = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            x = sample(network, graph, noise, (COUNT, 2), 6, generator=generator())
        laws.append(torch.bincount(3 * x[:, 0] + x[:, 1], minlength=9).double() / COUNT)
    assert not torch.equal(laws[0], laws[1])
    assert (laws[0] - laws[1]).abs().max() < 0.03


def test_a_split_network_and_the_same_callable_draw_the_same():
    graph, noise = process("uniform", 5)
    network = LinearNetwork(graph, 6)
    split, plain = (
        sample(model, graph, noise, (50, 6), 5, generator=generator())
        for model in (network, lambda x, sigma: network(x, sigma))
    )
    assert torch.equal(split, plain)


@pytest.mark.parametrize("kind", ["absorb", "uniform"])
@pytest.mark.parametrize("fused", [True, False])
def test_clamped_positions_hold_their_tokens_at_every_step(kind, fused):
    graph, noise = process(kind, 5)
    network = LinearNetwork(graph, 8)
    tokens = torch.tensor([1, 2, 0, 0, 0, 0, 3, 4])
    mask = torch.tensor([True, True, False, False, False, False, True, True])
    seen = []

    def watch(step: int, x: torch.Tensor) -> None:
        seen.append(step)
        assert torch.equal(x[:, mask], tokens[mask].expand(30, 4))

    x = sample(
        network, graph, noise, (30, 8), 12, clamp=(tokens, mask), generator=generator(),
        on_step=watch, fused=fused,
    )  # fmt: skip
    assert seen == list(range(len(seen)))
    assert x.max() < 5
    assert x[:, 2:6].unique().numel() > 2  # the rest was drawn


def test_first_hitting_keeps_clamped_positions_and_fills_one_token_a_step():
    graph, noise = Absorb(5), LogLinear()
    network = LinearNetwork(graph, 8)
    mask = torch.tensor([[True] * 3 + [False] * 5, [False] * 8])
    left = []
    x = sample_first_hitting(
        network, graph, noise, (2, 8), clamp=(torch.full((8,), 4), mask), generator=generator(),
        on_step=lambda step, x: left.append((x == graph.mask).sum(1).tolist()),
    )  # fmt: skip
    assert (x[0, :3] == 4).all()
    assert left == [[max(5 - n, 0), 8 - n] for n in range(1, 9)]


def test_sampling_stops_when_nothing_is_masked():
    graph, noise = Absorb(5), LogLinear()
    network = LinearNetwork(graph, 2)
    steps = []
    sample(
        network, graph, noise, (1, 2), 500, generator=generator(),
        on_step=lambda step, x: steps.append((x == graph.mask).any().item()),
    )  # fmt: skip
    assert network.num_calls == len(steps) < 500
    assert steps[-1] is False
    assert all(steps[:-1])


def test_without_denoising_masks_may_remain():
    graph, noise = Absorb(5), LogLinear()
    network = LinearNetwork(graph, 20)
    network.bias.data -= 8.0  # a score far too small: tokens hardly ever unmask
    kept = sample(network, graph, noise, (20, 20), 2, denoise=False, generator=generator())
    assert (kept == graph.mask).any()
    assert (sample(network, graph, noise, (20, 20), 2, generator=generator()) < 5).all()


def test_top_p_draws_only_from_the_nucleus():
    graph, noise = Absorb(5), LogLinear()
    network = LinearNetwork(graph, 4)
    network.bias.data[:5] = torch.tensor([3.0, 1.0, 0.0, 0.0, 0.0])
    drawn = {
        top_p: sample(network, graph, noise, (2000, 4), 8, top_p=top_p, generator=generator())
        for top_p in (0.5, None)
    }
    assert set(drawn[0.5].unique().tolist()) == {0, 1}
    assert set(drawn[None].unique().tolist()) == {0, 1, 2, 3, 4}


def test_the_generator_decides_everything():
    graph, noise = process("uniform", 5)
    network = LinearNetwork(graph, 6)
    first, again, other = (
        sample(network, graph, noise, (9, 6), 5, generator=generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("absorb", {"steps": 0}, "steps must be at least 1, got 0"),
        ("absorb", {"sampler": "heun"}, "'euler' or 'analytic', got 'heun'"),
        ("absorb", {"precision": "bfloat16"}, "got 'bfloat16'"),
        ("absorb", {"top_p": 0.0}, "top_p must lie in"),
        ("uniform", {"top_p": 0.9}, "need a graph with a mask"),
        ("absorb", {"clamp": (torch.tensor([0, 5]), torch.tensor([False, True]))}, "0..4, got 5"),
    ],
)
def test_impossible_settings_are_refused(kind, settings, message):
    graph, noise = process(kind, 5)
    with pytest.raises(ValueError, match=message):
        sample(LinearNetwork(graph, 2), graph, noise, (1, 2), **{"steps": 4, **settings})
