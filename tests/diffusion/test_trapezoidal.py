"""The trapezoidal sampler: exact laws by enumeration of all texts, then draws against them."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.optimal import all_states
from helpers.text_laws import noisy_law, text_transition, total_variation
from torch import Tensor

from sedd.diffusion import Absorb, Denoiser, Geometric, Graph, LogLinear, Noise, Uniform
from sedd.diffusion.fast import score_tables
from sedd.diffusion.fast.trapezoidal import TrapezoidalStep
from sedd.diffusion.reverse import sharpen_exits
from sedd.diffusion.sharpening import UNCHANGED, Sharpening
from sedd.diffusion.trapezoidal import sample_trapezoidal
from sedd.diffusion.trapezoidal_step import (
    PlainTrapezoidalStep,
    Stages,
    exposures,
    kept_share,
    leap_probs,
    plan_stages,
)
from sedd.model import DiffusionTransformer

FALSE_ALARM = 1e-6
KINDS = ["absorb", "uniform"]


def process(kind: str, vocab_size: int = 2) -> tuple[Graph, Noise]:
    if kind == "absorb":
        return Absorb(vocab_size), LogLinear()
    return Uniform(vocab_size), Geometric(1e-2, 8.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mild(graph: Graph, length: int) -> Data:
    """Dependent positions, but no token makes another twice as likely or half as likely."""
    texts = all_states(graph.vocab_size, length)
    weight = torch.exp(0.2 * torch.randn(len(texts), generator=generator(3), dtype=torch.float64))
    return Data(graph, texts, weight / weight.sum())


def step_transition(
    graph: Graph,
    texts: Tensor,
    log_scores: tuple[Tensor, Tensor],
    stages: Stages,
    sharpening: Sharpening = UNCHANGED,
    extrapolated: bool = True,
) -> Tensor:
    """(S, S) of one step, from log scores (S, L, V) of all texts at the start and in the middle."""

    def sharp(exposure: Tensor) -> Tensor:
        if sharpening == UNCHANGED:
            return exposure
        assert graph.mask is not None
        flat = sharpen_exits(exposure.flatten(0, 1), graph.mask, sharpening)
        return flat.view_as(exposure).nan_to_num()  # rows without a mask have no exposure

    start, middle = log_scores
    first = leap_probs(sharp(exposures(graph, start, texts, stages.first)), texts)
    later = exposures(graph, middle, texts, stages.later)
    earlier = exposures(graph, start, texts, stages.earlier)
    result = []
    for x in range(len(texts)):  # each text at the start
        old = earlier[x].expand_as(earlier)
        kept = kept_share(later, old, texts == texts[x]) if extrapolated else 1.0
        second = text_transition(leap_probs(sharp(later) * kept, texts), texts)
        result.append(text_transition(first, texts)[x] @ second)
    return torch.stack(result)


def error(kind: str, sampler: str, steps: int, law=mild, theta: float = 0.5) -> float:
    """Total variation at the end of [eps, 1], from the exact law at 1, with exact scores."""
    graph, noise = process(kind)
    data, texts = law(graph, 3), all_states(graph.num_states, 3)
    times = torch.linspace(1.0, 1e-5, steps + 1, dtype=torch.float64)
    sigma, dsigma = noise(times)
    middle, plan = plan_stages(graph, sigma, theta)

    def log_score(level: Tensor) -> Tensor:
        return data.log_score(texts, level[None]).nan_to_num(neginf=-700.0).clamp(-700, 700)

    current = noisy_law(data, float(sigma[0]), texts)
    for k in range(steps):
        start = log_score(sigma[k])
        if sampler == "euler":
            length = torch.full((len(texts),), float(dsigma[k] * (times[k] - times[k + 1])))
            probs = graph.euler_step_probs(start, texts, length.double())
            current = current @ text_transition(probs, texts)
        else:
            scores = (start, log_score(middle[k]))
            current = current @ step_transition(graph, texts, scores, plan[k])
    return total_variation(current, noisy_law(data, float(sigma[-1]), texts))


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_falls_with_the_square_of_the_step_and_that_of_euler_with_the_step(kind):
    trapezoidal = [error(kind, "trapezoidal", steps) for steps in (24, 48)]
    euler = [error(kind, "euler", steps) for steps in (24, 48)]
    assert math.log2(trapezoidal[0] / trapezoidal[1]) == pytest.approx(2.0, abs=0.2)
    assert math.log2(euler[0] / euler[1]) == pytest.approx(1.0, abs=0.2)
    assert trapezoidal[0] < euler[1] / 5  # at as many network calls


def test_another_theta_is_of_second_order_too():
    errors = [error("uniform", "trapezoidal", steps, theta=0.3) for steps in (16, 32)]
    assert 1.7 < math.log2(errors[0] / errors[1]) < 2.6


@pytest.mark.parametrize("kind", KINDS)
def test_strongly_dependent_positions_leave_a_small_term_of_first_order(kind):
    """One token rules out others, so extrapolated rates become negative and are clamped."""

    def strong(graph: Graph, length: int) -> Data:
        return Data.random(graph, length, seed=0)

    errors = [error(kind, "trapezoidal", steps, strong) for steps in (16, 32)]
    assert 0.9 < math.log2(errors[0] / errors[1]) < 1.3
    assert errors[0] < error(kind, "euler", 32, strong) * 0.6


def test_single_positions_unmask_as_the_forward_process_says():
    """With a mask, the exact rate of unmasking in the clock is 1 at every level."""
    graph, noise = process("absorb")
    sigma = noise(torch.tensor([0.9, 0.4], dtype=torch.float64))[0]
    _, (stages,) = plan_stages(graph, sigma, 0.3)
    mu = torch.tensor([[[0.3, 0.7]]], dtype=torch.float64)
    x = torch.tensor([[2]])
    middle = plan_stages(graph, sigma, 0.3)[0]
    probs = []
    for level, duration in ((sigma[0], stages.first), (middle[0], stages.later)):
        score = torch.nn.functional.pad((mu / torch.expm1(level)).log(), (0, 1))
        probs.append(exposures(graph, score, x, duration)[0, 0])
    exposure = probs[0] + probs[1] - probs[0] * stages.earlier / stages.first
    still_masked = torch.expm1(-sigma[1]) / torch.expm1(-sigma[0])
    torch.testing.assert_close(torch.exp(-exposure.sum()), still_masked, rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("kind", "sharpening"),
    [("absorb", UNCHANGED), ("absorb", Sharpening(0.7, 2)), ("uniform", UNCHANGED)],
)
@pytest.mark.parametrize("denoiser", [False, True])
@pytest.mark.parametrize("make", [PlainTrapezoidalStep, TrapezoidalStep])
def test_one_step_follows_its_enumerated_law(kind, denoiser, make, sharpening, monkeypatch):
    graph, noise = process(kind, 3)
    monkeypatch.setitem(score_tables.TABLE_ELEMENTS, "cpu", 8000)  # several chunks
    network = LinearNetwork(graph, 2, seed=3)
    model = Denoiser(network, graph) if denoiser else network
    texts = all_states(graph.num_states, 2)
    sigma = noise(torch.tensor([0.8, 0.5], dtype=torch.float64))[0]
    middle, (stages,) = plan_stages(graph, sigma, 0.4)
    start = 0 if graph.mask is None else graph.mask
    x = torch.full((15_000, 2), start)
    with torch.no_grad():
        scores = model(texts, sigma[:1]), model(texts, middle)
        row = int((texts == start).all(1).nonzero())
        right, wrong = (
            step_transition(graph, texts, scores, stages, sharpening, extrapolated)[row]
            for extrapolated in (True, False)
        )
        step = make(model, graph, generator(1), "float64", sharpening)
        step.leap_(x, torch.arange(x.numel()), sigma[:1], middle, stages)
    counts = torch.bincount(x @ torch.tensor([graph.num_states, 1]), minlength=len(texts)).double()
    assert counts[right == 0].sum() == 0
    common = torch.minimum(right, wrong) > 5e-4
    for law, is_right in ((right, True), (wrong, False)):
        value = chi_square(counts[common], law[common] / law[common].sum())
        assert (value > FALSE_ALARM) == is_right


def small_transformer() -> DiffusionTransformer:
    """In float64, with every weight random."""
    draws = generator()
    model = DiffusionTransformer(4, True, hidden_size=16, n_blocks=2, n_heads=2, generator=draws)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.2, generator=draws)
    return model.double().eval()


@pytest.mark.parametrize("denoiser", [False, True])
def test_a_blank_text_is_asked_about_at_one_position_and_drawn_the_same(denoiser, monkeypatch):
    graph, transformer = Absorb(4), small_transformer()
    asked = []
    features = transformer.features
    monkeypatch.setattr(
        transformer, "features", lambda x, *rest: asked.append(tuple(x.shape)) or features(x, *rest)
    )
    model = Denoiser(transformer, graph) if denoiser else transformer

    def drawn() -> Tensor:
        asked.clear()
        return sample_trapezoidal(model, graph, LogLinear(), (50, 7), 3, generator=generator(2))

    x = drawn()
    assert asked[0] == (1, 1)
    monkeypatch.setattr(DiffusionTransformer, "constant_input_invariant", False)
    assert torch.equal(drawn(), x)
    assert set(asked) == {(50, 7)}
    assert len(x.unique()) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_true_score_gives_the_data(kind):
    graph, noise = process(kind)
    data = Data.random(graph, 2, seed=0)

    def p_value(steps: int) -> float:
        x = sample_trapezoidal(
            data.log_score, graph, noise, (4000, 2), steps, generator=generator(steps)
        )
        return chi_square(torch.bincount(data.index(x), minlength=4).double(), data.probability)

    assert p_value(40) > FALSE_ALARM
    assert p_value(1) < FALSE_ALARM


def test_clamped_tokens_of_the_absorbing_graph_condition_the_rest():
    """The network sees a clean token, which is what an unmasked token is: exact as steps grow."""
    graph, noise = process("absorb")
    data = Data.random(graph, 3, seed=0)
    x = sample_trapezoidal(
        data.log_score, graph, noise, (4000, 3), 48,
        clamp=(torch.tensor([1, 0, 0]), torch.tensor([True, False, False])),
        generator=generator(),
    )  # fmt: skip
    assert (x[:, 0] == 1).all()
    right = data.probability[data.support[:, 0] == 1]
    counts = torch.bincount(data.index(x) - 4, minlength=4).double()
    assert chi_square(counts, right / right.sum()) > FALSE_ALARM
    wrong = data.probability[data.support[:, 0] == 0]
    assert chi_square(counts, wrong / wrong.sum()) < FALSE_ALARM


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_costs_two_calls_while_a_text_can_change(kind, fused):
    graph, noise = process(kind, 5)
    network, calls = LinearNetwork(graph, 4), torch.zeros(6, dtype=torch.int64)
    seen = []
    x = sample_trapezoidal(
        network, graph, noise, (6, 4), 20, calls=calls, fused=fused, generator=generator(1),
        on_step=lambda step, x: seen.append(x.max().item()),
    )  # fmt: skip
    assert x.max() < 5
    if kind == "uniform":
        assert calls.tolist() == [41] * 6  # and one to denoise
        assert len(seen) == 21
    else:
        assert network.num_calls == calls.max() <= 41
        assert calls.min() < calls.max()
        assert seen[-1] < graph.mask


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"theta": 0.0}, "theta must lie between 0 and 1, got 0"),
        ({"theta": 1.0}, "theta must lie between 0 and 1, got 1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"top_p": 0.9, "precision": "float32"}, "float64 draws"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    graph, noise = process("absorb", 5)
    network = LinearNetwork(graph, 2)
    with pytest.raises(ValueError, match=message):
        sample_trapezoidal(network, graph, noise, (1, 2), **{"steps": 4, **settings})
