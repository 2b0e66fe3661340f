"""Orders by confidence: the law that they draw, by enumeration, and when it is that of the data."""

from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.optimal import BestDenoiser
from helpers.order_law import (
    UNCERTAINTY,
    conditionals,
    distance,
    evenly,
    law_of_texts,
    outcomes,
)

from sedd.diffusion import Absorb, Denoiser, LogLinear, Uniform
from sedd.model import DiffusionTransformer
from sedd.registry import SAMPLERS

FALSE_ALARM = 1e-6
COUNT = 8000
LENGTH = 4
NOISE = LogLinear(1e-3)
DATA = Data.random(Absorb(2), LENGTH, seed=2)
ALL_ORDERS = sorted(UNCERTAINTY)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(model, shape=(COUNT, LENGTH), *, order, graph=DATA.graph, **options) -> torch.Tensor:
    """Two steps, unless the options say otherwise."""
    settings = {"steps": 2, "generator": generator(), **options}
    return SAMPLERS[order].load()(model, graph, NOISE, shape, **settings)


def exact(data: Data = DATA) -> Denoiser:
    return Denoiser(BestDenoiser(data), data.graph)


def p_value(x: torch.Tensor, law: torch.Tensor, data: Data = DATA) -> float:
    """Of texts under a law on the support; the rarest texts count as one."""
    counts = torch.bincount(data.index(x), minlength=len(law)).double()
    order = law.argsort()
    rare = order[: int((law[order].cumsum(0) * len(x) < 20).sum()) + 1]
    common = torch.ones(len(law), dtype=torch.bool).index_fill(0, rare, False)
    return chi_square(*(torch.cat([v[common], v[rare].sum()[None]]) for v in (counts, law)))


def of_order(order: str, steps: int, temperature: float = 1.0, **settings) -> torch.Tensor:
    return law_of_texts(DATA, outcomes(DATA, evenly(order, steps), temperature, **settings))


@pytest.mark.parametrize("order", ALL_ORDERS)
@pytest.mark.parametrize(("steps", "temperature"), [(1, 1.0), (2, 1.0), (2, 0.6)])
@pytest.mark.parametrize("split", [True, False])
def test_texts_have_the_law_of_the_enumeration(order, steps, temperature, split):
    data = Data.random(Absorb(3), 3, seed=6)
    denoiser = exact(data)
    model = denoiser if split else lambda x, sigma: denoiser(x, sigma)
    x = draw(model, (COUNT, 3), order=order, graph=data.graph, steps=steps, temperature=temperature)
    law = law_of_texts(data, outcomes(data, evenly(order, steps), temperature))
    assert p_value(x, law, data) > FALSE_ALARM
    assert p_value(x, data.probability, data) < FALSE_ALARM


@pytest.mark.parametrize("order", ALL_ORDERS)
def test_one_position_a_step_at_temperature_1_draws_the_data(order):
    """Exactly, by enumeration; and so do clamped texts, from the conditional law."""
    law = of_order(order, LENGTH)
    torch.testing.assert_close(law, DATA.probability, rtol=1e-9, atol=1e-12)
    assert p_value(draw(exact(), steps=LENGTH, order=order), DATA.probability) > FALSE_ALARM
    fits = DATA.support[:, 1] == 1
    conditional = DATA.probability * fits / DATA.probability[fits].sum()
    clamped = of_order(order, LENGTH - 1, clamp=(None, 1, None, None))
    torch.testing.assert_close(clamped, conditional, rtol=1e-9, atol=1e-12)
    clamp = torch.ones(LENGTH, dtype=torch.int64), torch.arange(LENGTH) == 1
    x = draw(exact(), steps=LENGTH - 1, order=order, clamp=clamp)
    assert p_value(x, conditional) > FALSE_ALARM
    assert distance(conditional, DATA.probability) > 0.1


@pytest.mark.parametrize("order", ALL_ORDERS)
def test_what_changes_the_law(order):
    """Several positions a step do; and sharpening does, with any number of steps."""
    several = [distance(of_order(order, steps), DATA.probability) for steps in range(1, LENGTH + 1)]
    assert min(several[:-1]) > 0.02
    assert several[-1] < 1e-12
    for temperature, least in ((0.5, 0.15), (0.0, 0.7)):
        distances = [
            distance(of_order(order, steps, temperature), DATA.probability)
            for steps in range(1, LENGTH + 1)
        ]
        assert min(distances) > least
    # greedy texts are one text, however likely it is
    assert distances[-1] >= 1 - float(DATA.probability.max()) - 1e-12


def test_the_rank_of_the_drawn_token_would_change_the_law_with_one_position_a_step():
    """As in MaskGIT and LLaDA: draw a token at every mask, and keep the likeliest."""
    data = Data.random(Absorb(2), 2, seed=2)
    blank = conditionals(data, (None, None))
    law = torch.zeros(4, dtype=torch.float64)
    for a, p in enumerate(blank[0]):
        for b, q in enumerate(blank[1]):
            state = (a, None) if p >= q else (None, b)
            ((free, rest),) = conditionals(data, state).items()
            for token, r in enumerate(rest):
                text = (a, token) if free == 1 else (token, b)
                law[int(data.index(torch.tensor([text])))] += p * q * r
    assert float(law.sum()) == pytest.approx(1)
    assert distance(law, data.probability) > 0.02
    ours = law_of_texts(data, outcomes(data, evenly("max_probability", 2)))
    assert distance(ours, data.probability) < 1e-12


@pytest.mark.parametrize("order", ALL_ORDERS)
@pytest.mark.parametrize("steps", [1, 2])
def test_independent_positions_have_the_law_of_the_data_with_any_number_of_steps(order, steps):
    marginals = torch.tensor([0.3, 0.6, 0.45, 0.8], dtype=torch.float64)
    of_one = torch.where(DATA.support == 1, marginals, 1 - marginals)
    data = Data(DATA.graph, DATA.support, of_one.prod(1))
    x = draw(exact(data), steps=steps, order=order)
    assert p_value(x, data.probability) > FALSE_ALARM
    assert p_value(x, data.probability.flip(0)) < FALSE_ALARM


@pytest.mark.parametrize("order", ALL_ORDERS)
def test_greedy_texts_are_equal_and_take_the_likeliest_tokens(order):
    x = draw(exact(), (5, LENGTH), steps=LENGTH, order=order, temperature=0.0)
    text = int(of_order(order, LENGTH, 0.0).argmax())
    assert torch.equal(x, DATA.support[text].expand(5, LENGTH))


class FourLaws(LinearNetwork):
    """Four positions, each with a law of its own over five tokens."""

    laws = torch.tensor(
        [
            [0.20, 0.20, 0.20, 0.20, 0.20],
            [0.55, 0.41, 0.02, 0.01, 0.01],  # the largest probability
            [0.52, 0.12, 0.12, 0.12, 0.12],  # the largest margin
            [0.50, 0.50 - 3e-9, 1e-9, 1e-9, 1e-9],  # the lowest entropy
        ],
        dtype=torch.float64,
    )

    def features(self, x: torch.Tensor, sigma: torch.Tensor, rows=None) -> torch.Tensor:
        features = self.laws.log().repeat(x.shape[0], 1)
        return features if rows is None else features[rows]

    def vocabulary_layer(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.eye(6, 5, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)


@pytest.mark.parametrize(
    ("order", "first"), [("max_probability", 1), ("margin", 2), ("entropy", 3)]
)
def test_each_order_begins_where_its_measure_says(order, first):
    graph, states = Absorb(5), []
    draw(
        FourLaws(graph, 4), (6, 4), order=order, graph=graph, steps=4,
        on_step=lambda step, x: states.append(x.clone()),
    )  # fmt: skip
    filled = torch.arange(4) == first
    assert torch.equal(states[0] != graph.mask, filled.expand(6, 4))
    assert (states[-2][:, 0] == graph.mask).all()  # the uniform law comes last


@pytest.mark.parametrize("length", [7, 8])
@pytest.mark.parametrize("steps", [1, 3, 7, 50])
def test_masks_are_spread_evenly_over_the_steps_and_cost_one_call_each(length, steps):
    graph = Absorb(5)
    fixed = torch.tensor([[False] * length, [True] * 3 + [False] * (length - 3), [True] * length])
    calls, left = torch.full((3,), 10), []
    x = draw(
        LinearNetwork(graph, length), (3, length), steps=steps, order="margin", graph=graph,
        clamp=(torch.full((length,), 4), fixed), calls=calls,
        on_step=lambda step, x: left.append((x == graph.mask).sum(1)),
    )  # fmt: skip
    assert (x[fixed] == 4).all()
    assert x.max() < 5
    free = (~fixed).sum(1)
    assert torch.equal(calls - 10, free.clamp(max=steps))
    filled = -torch.stack([free, *left]).diff(dim=0)  # (steps, B)
    taken = free.clamp(max=steps)
    for text in range(2):
        shares = filled[: taken[text], text]
        assert shares.max() - shares.min() <= 1
        assert torch.equal(shares, shares.sort(descending=True).values)


def test_the_network_sees_the_noise_level_of_the_fraction_of_masks():
    graph, levels = Absorb(5), []
    network = LinearNetwork(graph, 4)
    features = network.features

    def watched(x, sigma, rows=None):
        levels.append((x == graph.mask).double().mean(1))
        torch.testing.assert_close(
            -torch.expm1(-sigma.double()), levels[-1].clamp(max=1 - 1e-3), rtol=1e-5, atol=0
        )
        return features(x, sigma, rows)

    network.features = watched  # type: ignore[method-assign]
    fixed = torch.tensor([[False] * 4, [True] + [False] * 3])
    clamp = torch.zeros(4, dtype=torch.int64), fixed
    draw(network, (2, 4), steps=4, order="entropy", graph=graph, clamp=clamp)
    assert [level.tolist() for level in levels] == [[1, 0.75], [0.75, 0.5], [0.5, 0.25], [0.25]]


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-9}, {"temperature": 0.0}])
def test_every_sharpening_can_leave_only_the_likeliest_token(options):
    graph = Absorb(5)
    network = LinearNetwork(graph, 6)
    x = draw(network, (3, 6), order="entropy", graph=graph, **options)
    greedy = draw(network, (3, 6), order="entropy", graph=graph, temperature=0.0)
    assert torch.equal(x, greedy)
    free = draw(network, (3, 6), order="entropy", graph=graph)
    assert not torch.equal(free, greedy)


@pytest.mark.parametrize(
    ("graph", "settings", "message"),
    [
        (Absorb(5), {"steps": 0}, "steps must be at least 1, got 0"),
        (Absorb(5), {"temperature": -1}, "temperature must be at least 0"),
        (Uniform(5), {}, "fills masks"),
    ],
)
def test_impossible_settings_are_refused(graph, settings, message):
    with pytest.raises(ValueError, match=message):
        draw(LinearNetwork(graph, 2), (1, 2), order="margin", graph=graph, **settings)


@pytest.fixture
def transformer() -> DiffusionTransformer:
    model = DiffusionTransformer(
        4, True, hidden_size=16, n_blocks=2, n_heads=2, generator=generator()
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.2, generator=generator(1))
    return model.eval()


@pytest.mark.parametrize("denoiser", [False, True])
def test_a_batch_of_blank_texts_is_asked_about_at_one_position(denoiser, transformer, monkeypatch):
    graph, asked, states = Absorb(4), [], []
    features = transformer.features
    monkeypatch.setattr(
        transformer, "features", lambda x, *rest: asked.append(tuple(x.shape)) or features(x, *rest)
    )
    draw(
        Denoiser(transformer, graph) if denoiser else transformer, (COUNT // 2, 4), order="margin",
        graph=graph, steps=2, on_step=lambda step, x: states.append(x.clone()),
    )  # fmt: skip
    assert asked == [(1, 1), (COUNT // 2, 4)]
    sigma = NOISE(torch.ones(1))[0]
    with torch.no_grad():
        law = transformer(torch.full((1, 4), graph.mask), sigma)[0, 0, :4].double().softmax(-1)
    counts = torch.bincount(states[0][:, :2].flatten(), minlength=5)[:4].double()
    assert chi_square(counts, law) > FALSE_ALARM
    assert chi_square(counts, law.flip(0)) < FALSE_ALARM


@pytest.mark.parametrize("clamped", [0, 1])
def test_a_blank_text_is_filled_from_the_left_whatever_else_is_in_the_batch(clamped, transformer):
    """Its positions have one law but for rounding, which must not choose between them."""
    states: list[torch.Tensor] = []
    fixed = torch.zeros(7, 20, dtype=torch.bool)
    fixed[:clamped, 3] = True
    draw(
        transformer, (7, 20), order="entropy", graph=Absorb(4), steps=4,
        clamp=(torch.zeros(20, dtype=torch.int64), fixed),
        on_step=lambda step, x: states.append(x == 4),
    )  # fmt: skip
    assert torch.equal(states[0][1:], (torch.arange(20) >= 5).expand(6, 20))
