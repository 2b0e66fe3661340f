"""The bound of D3PM: each step against matrices, the whole against the entropy."""

from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, transition_matrix
from helpers.linear_network import LinearNetwork
from helpers.optimal import BestDenoiser, all_states, entropy

from sedd.diffusion import Absorb, Geometric, LogLinear, StepGrid, Uniform, d3pm_divergence
from sedd.diffusion.fast import row_chunks

GRAPHS = {"absorb": (Absorb, LogLinear()), "uniform": (Uniform, Geometric(1e-3, 10.0))}
ENDLESS = 60.0  # a noise level at which nothing is left, for the matrix exponential


def parts(kind: str, vocab_size: int, num_steps: int):
    graph_type, noise = GRAPHS[kind]
    return graph_type(vocab_size), StepGrid(noise, num_steps)


def matrices(graph, grid: StepGrid, index: int):
    """Transition matrices up to before step `index`, of it, and up to after it."""
    before, after = (float(level) for level in grid.levels(torch.tensor([index])))
    after = min(after, ENDLESS)
    return tuple(transition_matrix(graph, level) for level in (before, after - before, after))


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("index", [1, 2, 4, 5])
def test_the_divergence_of_a_step_is_that_of_bayes_rule_with_matrices(kind, index):
    graph, grid = parts(kind, 4, 5)
    network = LinearNetwork(graph, 2)
    before, step, after = matrices(graph, grid, index)
    states = all_states(graph.num_states, 2)
    at = torch.tensor([index])
    logits = network.features(states, grid.sigma_at(at)) @ network.weight.T + network.bias
    mu = logits[:, :4].softmax(-1).view(len(states), 2, 4)
    for x0 in all_states(4, 2):
        clean = x0.expand_as(states)
        found = d3pm_divergence(network, graph, grid, at.expand(len(states)), states, clean)
        for row, x in enumerate(states):
            if (after[x0, x] < 1e-12).any():
                continue  # cannot be reached
            wanted = 0.0
            for position in range(2):
                # q(y | x, x0) of every clean token that leads here
                law = before[:4] * step[:, x[position]] / after[:4, x[position], None]
                law = torch.where(after[:4, x[position], None] > 1e-12, law, 0.0)
                weight = mu[row, position] * (after[:4, x[position]] > 1e-12)
                if graph.mask is not None and x[position] != graph.mask:
                    continue  # stays what it is, in both laws
                true, model = law[x0[position]], weight @ law
                there = true > 0
                wanted += (true[there] * (true[there] / model[there]).log()).sum()
            torch.testing.assert_close(
                found[row], torch.as_tensor(wanted, dtype=torch.float64), rtol=1e-6, atol=1e-9
            )


def whole_bound(network, data: Data, grid: StepGrid) -> float:
    """Sum over the steps of the expected divergence, over every state and every text."""
    graph, length = data.graph, data.support.shape[1]
    states = all_states(graph.num_states, length)
    total = 0.0
    for index in range(1, grid.num_steps + 1):
        law = matrices(graph, grid, index)[2]
        at = torch.full((len(states),), index)
        for x0, probability in zip(data.support, data.probability, strict=True):
            chance = law[x0[None], states].prod(1)
            if index == grid.num_steps:  # exactly the limit, where the matrices are nearly
                chance = torch.where(chance > 1e-9, chance, 0.0)
            there = chance > 0
            nats = d3pm_divergence(
                network, graph, grid, at[there], states[there],
                x0.expand(int(there.sum()), length),
            )  # fmt: skip
            total += float(probability * (chance[there] * nats).sum())
    return total


def best(data: Data, grid: StepGrid, blur: float = 0.0) -> BestDenoiser:
    return BestDenoiser(data, blur, pure=float(grid.sigma_at(torch.tensor([grid.num_steps]))))


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_of_one_token_the_best_bound_is_the_entropy_in_any_number_of_steps(kind, num_steps):
    graph, grid = parts(kind, 4, num_steps)
    data = Data.random(graph, 1, seed=1)
    wanted = entropy(data)
    assert whole_bound(best(data, grid), data, grid) == pytest.approx(wanted, rel=1e-6)
    assert whole_bound(best(data, grid, blur=0.3), data, grid) > 1.01 * wanted


@pytest.mark.parametrize("kind", GRAPHS)
def test_of_more_tokens_it_lies_above_and_comes_down_with_more_steps(kind):
    graph, _ = parts(kind, 2, 1)
    data = Data.random(graph, 3, seed=3)
    wanted = entropy(data)
    gaps = []
    for num_steps in (4, 16, 64):
        grid = parts(kind, 2, num_steps)[1]
        gaps.append(whole_bound(best(data, grid), data, grid) / wanted - 1)
    assert gaps[0] > gaps[1] > gaps[2] > 0
    # steps redraw tokens independently: the error is of first order in their length
    assert gaps[2] < 0.35 * gaps[1]
    assert gaps[2] < 0.02
    grid = parts(kind, 2, 64)[1]
    assert whole_bound(best(data, grid, blur=0.3), data, grid) / wanted - 1 > 3 * gaps[2]


@pytest.mark.parametrize("kind", GRAPHS)
def test_groups_of_rows_give_the_values_and_gradients_of_all_at_once(kind, monkeypatch):
    graph, grid = parts(kind, 5, 9)
    draws = torch.Generator().manual_seed(0)
    x0 = torch.randint(5, (4, 6), generator=draws)
    index = torch.tensor([1, 3, 8, 9])
    xt = graph.sample_transition(x0, grid.levels(index)[1], draws)
    results = []
    for elements in (2**25, 4 * graph.vocab_size):
        monkeypatch.setattr(row_chunks, "TABLE_ELEMENTS", elements)
        network = LinearNetwork(graph, 6)
        nats = d3pm_divergence(network, graph, grid, index, xt, x0, cross_entropy=0.1)
        (nats * torch.arange(1.0, 5.0)).sum().backward()
        results.append([nats.detach(), *(p.grad for p in network.parameters())])
        assert all(bool(tensor.isfinite().all()) for tensor in results[-1])
    for whole, grouped in zip(*results, strict=True):
        torch.testing.assert_close(whole, grouped, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", GRAPHS)
def test_the_cross_entropy_is_added_at_the_same_positions(kind):
    graph, grid = parts(kind, 3, 4)
    network = LinearNetwork(graph, 2)
    x0 = torch.tensor([[0, 2]])
    xt = torch.tensor([[graph.num_states - 1, 2]])
    index = torch.tensor([2])
    with torch.no_grad():
        plain, more = (
            d3pm_divergence(network, graph, grid, index, xt, x0, weight) for weight in (0.0, 0.5)
        )
        logits = network.features(xt, grid.sigma_at(index)) @ network.weight.T + network.bias
        nats = -logits[:, :3].log_softmax(-1).gather(1, x0.T)[:, 0]
    counted = nats[:1] if kind == "absorb" else nats
    torch.testing.assert_close(more - plain, 0.5 * counted.sum()[None], rtol=1e-9, atol=1e-12)


def test_in_many_steps_the_absorbing_bound_is_that_in_continuous_time():
    """D3PM's step weights tend to dlambda / lambda."""
    grid = StepGrid(LogLinear(1e-9), 10_000)
    index = torch.tensor([17, 5000, 9999])
    before, after = grid.levels(index)
    uncovered = torch.exp(-before) * torch.expm1(before - after) / torch.expm1(-after)
    torch.testing.assert_close(uncovered * index, torch.ones(3).double(), rtol=1e-4, atol=0)
