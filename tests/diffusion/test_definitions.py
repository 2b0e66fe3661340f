"""A graph without fast parts runs on its definitions: loss, bound and samples."""

from __future__ import annotations

import pytest
import torch
from helpers.dense_graph import DenseGraph
from helpers.exact import Data, chi_square
from helpers.linear_network import LinearNetwork
from helpers.optimal import BestDenoiser
from scipy.stats import chi2_contingency
from torch.testing import assert_close

from sedd.diffusion import (
    Absorb,
    Denoiser,
    Geometric,
    Graph,
    LogLinear,
    StepGrid,
    Uniform,
    d3pm_divergence,
    likelihood_bound,
    sample,
    sample_first_hitting,
    score_entropy_loss,
    weighted_score_entropy,
)
from sedd.diffusion.fast.parts import FAST_PARTS, fast_parts

FALSE_ALARM = 1e-6
GRAPHS = {"absorb": (Absorb(4), LogLinear()), "uniform": (Uniform(4), Geometric(1e-2, 5.0))}
each_kind = pytest.mark.parametrize("kind", GRAPHS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clean_tokens(count: int) -> torch.Tensor:
    return torch.randint(4, (count, 3), generator=generator(1))


@each_kind
def test_the_loss_and_its_gradients_are_those_of_the_fast_path(kind):
    known, noise = GRAPHS[kind]
    network = LinearNetwork(known, 3)
    x0, t = clean_tokens(6), torch.linspace(0.1, 0.9, 6, dtype=torch.float64)
    xt = known.sample_transition(x0, noise(t)[0], generator())
    dense = score_entropy_loss(network, DenseGraph(known), noise, x0, t, xt)
    fast = score_entropy_loss(network, known, noise, x0, t, xt, fused=True)
    assert_close(dense, fast, rtol=1e-10, atol=1e-12)
    parameters = list(network.parameters())
    pairs = zip(
        *(torch.autograd.grad(loss.sum(), parameters) for loss in (dense, fast)), strict=True
    )
    for one, other in pairs:
        assert_close(one, other, rtol=1e-9, atol=1e-11)


@each_kind
@pytest.mark.parametrize("estimator", ["paper", "stratified"])
def test_the_bound_is_that_of_the_fast_path_for_the_same_draws(kind, estimator):
    known, noise = GRAPHS[kind]
    network = LinearNetwork(known, 3)

    def bound(graph: Graph) -> torch.Tensor:
        return likelihood_bound(
            network, graph, noise, clean_tokens(5), 8, estimator=estimator, time_eps=0.01,
            generator=generator(), loss=lambda *args: weighted_score_entropy(*args),
        )  # fmt: skip

    # the definition cancels at small noise, and the noise levels of the draws are float32
    assert_close(bound(DenseGraph(known)), bound(known), rtol=1e-9, atol=0.0)


@each_kind
@pytest.mark.parametrize("sampler", ["euler", "analytic"])
def test_samples_have_the_distribution_of_the_fast_path(kind, sampler):
    known, noise = GRAPHS[kind]
    network, other_network = (LinearNetwork(known, 1, seed=seed) for seed in (0, 1))

    def draw(network: LinearNetwork, graph: Graph, seed: int, fused: bool = True) -> torch.Tensor:
        return sample(
            network, graph, noise, (20_000, 1), 3, sampler=sampler, fused=fused,
            generator=generator(seed),
        )  # fmt: skip

    dense, fast = draw(network, DenseGraph(known), 0), draw(network, known, 1)
    other = draw(other_network, known, 1)
    assert torch.equal(dense, draw(network, known, 0, fused=False))
    counts = [torch.bincount(x[:, 0], minlength=4).numpy() for x in (dense, fast, other)]
    assert chi2_contingency(counts[:2]).pvalue > FALSE_ALARM
    assert chi2_contingency(counts[::2]).pvalue < FALSE_ALARM


@each_kind
def test_scores_of_a_denoiser_follow_from_the_transitions(kind):
    known, _ = GRAPHS[kind]
    x = torch.arange(4) if known.mask is None else torch.full((4,), known.mask)
    logits = torch.randn(4, known.num_states, generator=generator(), dtype=torch.float64)
    sigma = torch.tensor([1e-3, 0.1, 1.0, 4.0], dtype=torch.float64)
    by_definition = DenseGraph(known).denoiser_scores(logits, x, sigma)
    assert_close(by_definition, known.denoiser_scores(logits, x, sigma), rtol=1e-9, atol=1e-12)


@each_kind
def test_a_denoiser_draws_the_same_texts_on_the_definitions(kind):
    known, noise = GRAPHS[kind]
    network = LinearNetwork(known, 3)
    drawn = [
        sample(
            Denoiser(network, graph), graph, noise, (50, 3), 5, fused=False, generator=generator()
        )
        for graph in (known, DenseGraph(known))
    ]
    assert torch.equal(*drawn)


def test_a_subclass_starts_without_fast_parts():
    class Changed(Absorb):
        pass

    assert fast_parts(Changed(4)) is None
    assert fast_parts(Absorb(4)) is not None


def test_first_hitting_runs_on_the_definitions():
    class Changed(Absorb):
        pass

    data = Data.random(Changed(2), 2, seed=6)
    model = Denoiser(BestDenoiser(data), data.graph)
    drawn = sample_first_hitting(
        model, Changed(2), LogLinear(1e-6), (1500, 2), generator=generator(1)
    )
    counts = torch.bincount(data.index(drawn), minlength=4).double()
    assert chi_square(counts, data.probability) > FALSE_ALARM
    assert chi_square(counts, data.probability.flip(0)) < FALSE_ALARM


def test_fast_parts_can_be_added_from_outside(monkeypatch):
    class Renamed(Uniform):
        pass

    monkeypatch.setitem(FAST_PARTS, Renamed, FAST_PARTS[Uniform])
    network = LinearNetwork(Uniform(4), 3)
    x0, t = clean_tokens(2), torch.tensor([0.2, 0.7], dtype=torch.float64)
    losses = [
        score_entropy_loss(network, graph, Geometric(), x0, t, xt=x0.flip(0), fused=True)
        for graph in (Uniform(4), Renamed(4))
    ]
    assert torch.equal(*losses)


def test_the_fast_path_of_a_graph_without_fast_parts_is_refused():
    graph, noise = DenseGraph(Absorb(4)), LogLinear()
    network, x0 = LinearNetwork(graph, 3), clean_tokens(2)
    with pytest.raises(TypeError, match="DenseGraph has none"):
        score_entropy_loss(network, graph, noise, x0, fused=True)
    with pytest.raises(TypeError, match="Absorb and Uniform, got DenseGraph"):
        d3pm_divergence(network, graph, StepGrid(noise, 4), torch.tensor([1, 2]), x0, x0)
