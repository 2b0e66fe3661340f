"""Temperature, top-k and top-p: the law they make, and the draws of every sampler that fills masks."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.exact import chi_square
from helpers.linear_network import LinearNetwork
from torch import Tensor

from sedd.diffusion import Absorb, Denoiser, LogLinear, Uniform, sample, sample_first_hitting
from sedd.diffusion.causal import sample_left_to_right
from sedd.diffusion.fast.reverse import ReverseStep
from sedd.diffusion.reverse import PlainReverseStep
from sedd.diffusion.sharpening import Sharpening, likeliest, nucleus, tempered

FALSE_ALARM = 1e-6
COUNT = 40_000
SHARPENINGS = [
    Sharpening(temperature=0.6),
    Sharpening(temperature=1.8),
    Sharpening(top_k=2),
    Sharpening(top_p=0.6),
    Sharpening(temperature=0.7, top_k=3, top_p=0.8),
]
GRAPH = Absorb(5)
LAW = torch.tensor([0.1, 0.3, 0.15, 0.4, 0.05], dtype=torch.float64)
IDS = ["cold", "hot", "top_k", "top_p", "all"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class OneLaw:
    """A `SplitNetwork` on `GRAPH` whose scores are the law `LAW` at every masked position."""

    def features(self, x: Tensor, sigma: Tensor, rows: Tensor | None = None) -> Tensor:
        return LAW.log().expand(x.numel() if rows is None else rows.numel(), -1)

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        return torch.eye(6, 5, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        return torch.log(torch.expm1(sigma.reshape(-1)))

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        weight, bias = self.vocabulary_layer()
        log_score = (self.features(x, sigma) @ weight.T + bias).unflatten(0, x.shape)
        log_score = log_score - self.log_score_offset(sigma)[:, None, None]
        return log_score.scatter(-1, x[..., None], 0.0)


def sharpened(law: list[float], sharpening: Sharpening) -> torch.Tensor:
    """The law of one token, written out without tensors."""
    logits = [math.log(p) / sharpening.temperature for p in law]
    weights = {token: math.exp(logit) for token, logit in enumerate(logits)}
    order = sorted(weights, key=lambda token: -weights[token])[: sharpening.top_k]
    mass = sum(weights[token] for token in order)
    kept, before = [], 0.0
    for token in order:
        if sharpening.top_p is None or before < sharpening.top_p * mass:
            kept.append(token)
        before += weights[token]
    total = sum(weights[token] for token in kept)
    return torch.tensor(
        [weights[token] / total if token in kept else 0.0 for token in range(len(law))],
        dtype=torch.float64,
    )


def test_the_nucleus_is_the_smallest_set_with_the_mass():
    weights = torch.tensor([[0.1, 0.4, 0.2, 0.3], [2.0, 0.0, 0.0, 0.0]])
    kept = nucleus(weights, 0.65)
    assert torch.equal(kept, torch.tensor([[0.0, 0.4, 0.0, 0.3], [2.0, 0.0, 0.0, 0.0]]))
    assert torch.equal(nucleus(weights, 1.0), weights)
    assert torch.equal(nucleus(weights, 1e-9)[0], torch.tensor([0.0, 0.4, 0.0, 0.0]))


def test_top_k_keeps_the_k_likeliest_and_no_more_than_there_are():
    weights = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    assert torch.equal(likeliest(weights, 2), torch.tensor([[0.0, 0.4, 0.0, 0.3]]))
    assert torch.equal(likeliest(weights, 9), weights)


def test_temperature_divides_the_logits_however_large_they_are():
    logits = torch.randn(3, 7, generator=generator(), dtype=torch.float64)
    for temperature in (0.05, 0.5, 3.0):
        law = tempered(1e90 * logits.exp(), temperature)
        torch.testing.assert_close(
            law / law.sum(-1, keepdim=True), (logits / temperature).softmax(-1)
        )
    greedy = torch.nn.functional.one_hot(logits.argmax(-1), 7).double()
    assert torch.equal(tempered(logits.exp(), 0.0), greedy)


@pytest.mark.parametrize("sharpening", SHARPENINGS, ids=IDS)
def test_all_three_apply_in_their_order(sharpening):
    law = torch.rand(20, 6, generator=generator(), dtype=torch.float64)
    law /= law.sum(-1, keepdim=True)
    found = sharpening(law)
    expected = torch.stack([sharpened(row.tolist(), sharpening) for row in law])
    torch.testing.assert_close(found / found.sum(-1, keepdim=True), expected)


def test_another_order_would_give_another_law():
    law = torch.tensor([[0.4, 0.3, 0.2, 0.1]], dtype=torch.float64)
    hot = Sharpening(temperature=5.0, top_p=0.65)
    assert int((hot(law) > 0).sum()) == 3
    assert int((tempered(nucleus(law, 0.65), 5.0) > 0).sum()) == 2
    both = Sharpening(top_k=2, top_p=0.6)  # 0.6 of 0.7, not of 1
    assert int((both(law) > 0).sum()) == 2
    assert int((likeliest(nucleus(law, 0.55), 2) > 0).sum()) == 2
    assert int((Sharpening(top_k=2, top_p=0.55)(law) > 0).sum()) == 1


@pytest.mark.parametrize("sharpening", SHARPENINGS, ids=IDS)
@pytest.mark.parametrize("kind", ["euler", "analytic", "denoise"])
@pytest.mark.parametrize("denoiser", [False, True])
def test_a_step_sharpens_where_masks_jump_to_and_not_whether(sharpening, kind, denoiser):
    model = Denoiser(OneLaw(), GRAPH) if denoiser else OneLaw()
    level = 1.0
    length = 0.4 if kind == "analytic" else 0.3
    sigma = torch.tensor([level], dtype=torch.float64)
    growth = length if kind == "euler" else math.expm1(length)
    jump = 1.0 if kind == "denoise" else growth / math.expm1(level)
    law = torch.cat([jump * sharpened(LAW.tolist(), sharpening), torch.tensor([1 - jump])])
    plain = torch.cat([jump * LAW, torch.tensor([1 - jump])])
    possible = law > 0
    for make in (ReverseStep, PlainReverseStep):
        x = torch.full((COUNT, 1), GRAPH.mask)
        taker = make(model, GRAPH, generator(3), sharpening=sharpening)
        taker.move_(x, torch.arange(COUNT), kind, sigma, length)
        counts = torch.bincount(x[:, 0], minlength=6).double()
        assert counts[~possible].sum() == 0
        assert chi_square(counts[possible], law[possible]) > FALSE_ALARM
        assert chi_square(counts[plain > 0], plain[plain > 0]) < FALSE_ALARM


@pytest.mark.parametrize("draw", [sample, sample_first_hitting])
def test_samplers_draw_from_the_sharpened_law(draw):
    """At independent positions, final tokens have the sharpened law."""
    steps = {"steps": 3} if draw is sample else {}
    x = draw(
        OneLaw(), GRAPH, LogLinear(), (COUNT // 2, 2), **steps, temperature=0.7, top_k=3,
        top_p=0.9, generator=generator(5),
    )  # fmt: skip
    law = sharpened(LAW.tolist(), Sharpening(0.7, 3, 0.9))
    counts = torch.bincount(x.flatten(), minlength=5).double()
    assert counts[law == 0].sum() == 0
    assert chi_square(counts[law > 0], law[law > 0]) > FALSE_ALARM
    warm = sharpened(LAW.tolist(), Sharpening(1.0, 3, 0.9))
    assert chi_square(counts[law > 0], warm[law > 0]) < FALSE_ALARM


def test_texts_from_left_to_right_take_top_k():
    logits = torch.tensor([[2.0, 1.5, 1.0, 0.0]], dtype=torch.float64)
    x = sample_left_to_right(
        lambda new: logits.expand(COUNT, 4), 4, (COUNT, 1), temperature=0.7, top_k=3, top_p=0.9,
        generator=generator(),
    )  # fmt: skip
    law = sharpened(logits[0].softmax(-1).tolist(), Sharpening(0.7, 3, 0.9))
    counts = torch.bincount(x[:, 0], minlength=4).double()
    assert counts[law == 0].sum() == 0
    assert chi_square(counts[law > 0], law[law > 0]) > FALSE_ALARM


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -0.1}, "temperature must be at least 0 and finite, got -0.1"),
        ({"temperature": float("inf")}, "temperature must be at least 0 and finite, got inf"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 1.1}, r"top_p must lie in \(0, 1\], got 1.1"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Sharpening(**settings)


@pytest.mark.parametrize("settings", [{"temperature": 0.9}, {"top_k": 3}, {"top_p": 0.9}])
def test_sharpening_needs_a_mask_and_float64_draws(settings):
    for graph, precision in ((Uniform(5), "float64"), (Absorb(5), "float32")):
        with pytest.raises(ValueError, match="need a graph with a mask and float64 draws"):
            sample(
                LinearNetwork(graph, 2), graph, LogLinear(), (1, 2), 4, precision=precision,
                **settings,
            )  # fmt: skip
    with pytest.raises(ValueError, match="temperature must be above 0"):
        sample(LinearNetwork(Absorb(5), 2), Absorb(5), LogLinear(), (1, 2), 4, temperature=0)
