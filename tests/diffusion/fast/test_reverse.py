"""One reverse step: whether a position jumps and where to, and what the network and the memory are asked for."""

from __future__ import annotations

import pytest
import torch
from helpers.exact import chi_square
from helpers.linear_network import LinearNetwork

from sedd.diffusion import Absorb, LogLinear, Uniform, sample
from sedd.diffusion.denoiser import Denoiser
from sedd.diffusion.fast import reverse, score_tables, vocabulary_sum
from sedd.model import DiffusionTransformer

GRAPHS = {"absorb": Absorb, "uniform": Uniform}
FALSE_ALARM = 1e-6


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", ["absorb", "uniform"])
@pytest.mark.parametrize("step_kind", ["euler", "analytic"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_one_step_follows_its_table(kind, step_kind, precision):
    """Whether a position jumps, and where to: final samples hardly depend on the first."""
    graph = GRAPHS[kind](4)
    network = LinearNetwork(graph, 1)
    start = 0 if graph.mask is None else graph.mask
    x = torch.full((40_000, 1), start)
    sigma = torch.tensor([0.8])
    with torch.no_grad():
        log_score = network(x[:1], sigma)
        step = torch.tensor([0.1], dtype=torch.float64)
        right = graph.step_probs(step_kind, log_score, x[:1], step)[0, 0]
        wrong = graph.step_probs(step_kind, log_score, x[:1], 1.1 * step)[0, 0]
        step_taker = reverse.ReverseStep(network, graph, generator(), precision)
        step_taker.move_(x, torch.arange(len(x)), step_kind, sigma, 0.1)
    counts = torch.bincount(x[:, 0], minlength=graph.num_states).double()
    possible = right > 0  # a random score may call for a negative weight, which counts as zero
    assert counts[~possible].sum() == 0
    assert chi_square(counts[possible], right[possible]) > FALSE_ALARM
    assert chi_square(counts[possible], wrong[possible]) < FALSE_ALARM


def test_one_table_serves_every_step_and_every_group_of_rows(monkeypatch):
    graph = Uniform(40)
    network = LinearNetwork(graph, 10)
    monkeypatch.setitem(score_tables.TABLE_ELEMENTS, "cpu", 40 * 15)  # two groups of rows a step
    x = graph.sample_limit((3, 10), generator())
    step_taker = reverse.ReverseStep(network, graph, generator())
    places = set()
    for _ in range(4):
        with torch.no_grad():
            step_taker.move_(x, torch.arange(30), "analytic", torch.tensor([0.8]), 0.1)
        places.add(step_taker.tables._buffer.data_ptr())
    assert len(places) == 1
    assert step_taker.tables._buffer.numel() == 40 * 15


@pytest.mark.parametrize("kind", ["absorb", "uniform"])
def test_a_table_filled_in_parts_holds_the_scores(kind, monkeypatch):
    graph = GRAPHS[kind](700)
    network = LinearNetwork(graph, 10)
    monkeypatch.setitem(vocabulary_sum.CHUNK_ELEMENTS, "cpu", 1)  # three parts
    x, sigma = graph.sample_limit((3, 10), generator()), torch.tensor([0.8])
    with torch.no_grad():
        tables = score_tables.ScoreTables(network, graph)
        table = tables.table(tables.call(x, torch.arange(30), sigma))
        assert len(list(score_tables._columns(table))) == 3
        torch.testing.assert_close(table, network(x, sigma).exp().flatten(0, 1), rtol=1e-12, atol=0)


def small_transformer() -> DiffusionTransformer:
    """In float64, with every weight random."""
    draws = generator()
    model = DiffusionTransformer(4, True, hidden_size=16, n_blocks=2, n_heads=2, generator=draws)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.2, generator=draws)
    return model.double().eval()


@pytest.mark.parametrize("sampler", ["euler", "analytic"])
@pytest.mark.parametrize("top_p", [None, 0.6])
@pytest.mark.parametrize("denoiser", [False, True])
@pytest.mark.parametrize("known", [0, 3])
def test_a_blank_text_is_asked_about_at_one_position_and_drawn_the_same(
    sampler, top_p, denoiser, known, monkeypatch
):
    graph, noise = Absorb(4), LogLinear()
    transformer = small_transformer()
    asked = []
    features = transformer.features
    monkeypatch.setattr(
        transformer, "features", lambda x, *rest: asked.append(tuple(x.shape)) or features(x, *rest)
    )
    model = Denoiser(transformer, graph) if denoiser else transformer
    clamp = (torch.zeros(7, dtype=torch.int64), torch.arange(7) < known)

    def drawn() -> torch.Tensor:
        asked.clear()
        return sample(
            model, graph, noise, (50, 7), 4, sampler=sampler, top_p=top_p, clamp=clamp,
            generator=generator(2),
        )  # fmt: skip

    x = drawn()
    assert asked[0] == ((1, 1) if known == 0 else (50, 7))
    assert set(asked[1:]) == {(50, 7)}
    monkeypatch.setattr(DiffusionTransformer, "constant_input_invariant", False)
    assert torch.equal(drawn(), x)
    assert set(asked) == {(50, 7)}
    assert len(x.unique()) > 1


def test_dropout_tells_equal_tokens_apart():
    assert small_transformer().constant_input_invariant
    assert not small_transformer().train().constant_input_invariant
