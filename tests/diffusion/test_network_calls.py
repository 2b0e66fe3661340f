"""Network calls are counted per text, and only while a text can still change."""

from __future__ import annotations

import pytest
import torch
from helpers.linear_network import LinearNetwork
from torch import Tensor

from sedd.diffusion import (
    Absorb,
    Denoiser,
    LogLinear,
    Uniform,
    sample,
    sample_causal,
    sample_first_hitting,
)
from sedd.model import DiffusionTransformer

TEXTS, LENGTH, STEPS = 6, 5, 12
# text 0 is given as a whole, text 1 but for one token, and the others are free
GIVEN = torch.zeros(TEXTS, LENGTH, dtype=torch.bool)
GIVEN[0] = True
GIVEN[1, 1:] = True
CLAMP = (torch.ones(TEXTS, LENGTH, dtype=torch.int64), GIVEN)


class Watched:
    """States before every step: those at the start, and those that `on_step` reports."""

    def __init__(self, first: Tensor):
        self.states = [first]

    def __call__(self, step: int, x: Tensor) -> None:
        self.states.append(x.clone())


def first_state(graph: Absorb) -> Tensor:
    return torch.where(GIVEN, CLAMP[0], graph.mask)


@pytest.mark.parametrize("sampler", ["euler", "analytic"])
def test_a_text_without_masks_costs_no_further_call(sampler: str) -> None:
    graph = Absorb(7)
    watched = Watched(first_state(graph))
    calls = torch.full((TEXTS,), 100)
    sample(
        LinearNetwork(graph, LENGTH), graph, LogLinear(), (TEXTS, LENGTH), STEPS, sampler=sampler,
        clamp=CLAMP, generator=torch.Generator().manual_seed(0), on_step=watched, calls=calls,
    )  # fmt: skip
    incomplete = [(x == graph.mask).any(1) for x in watched.states]
    assert torch.equal(calls - 100, torch.stack(incomplete).sum(0))
    assert calls[0] == 100
    assert len(set(calls.tolist())) > 2  # texts end at different steps


def test_on_a_graph_without_a_mask_every_step_calls_for_every_free_text() -> None:
    graph = Uniform(7)
    calls = torch.zeros(TEXTS, dtype=torch.int64)
    network = LinearNetwork(graph, LENGTH)
    sample(network, graph, LogLinear(), (TEXTS, LENGTH), STEPS, clamp=CLAMP, calls=calls)
    # each step of a text with clamped tokens takes a corrector call
    assert calls.tolist() == [0, 2 * STEPS + 1] + [STEPS + 1] * (TEXTS - 2)


def test_first_hitting_costs_one_call_for_each_masked_token() -> None:
    graph = Absorb(7)
    calls = torch.zeros(TEXTS, dtype=torch.int64)
    network = LinearNetwork(graph, LENGTH)
    sample_first_hitting(network, graph, LogLinear(), (TEXTS, LENGTH), clamp=CLAMP, calls=calls)
    assert calls.tolist() == [0, 1, 5, 5, 5, 5]


def test_a_cached_denoiser_costs_a_call_only_for_texts_that_changed() -> None:
    graph, steps = Absorb(7), 40
    counts = {}
    for cached in (False, True):
        watched = Watched(first_state(graph))
        calls = torch.zeros(TEXTS, dtype=torch.int64)
        model = Denoiser(LinearNetwork(graph, LENGTH), graph, cached=cached)
        sample(
            model, graph, LogLinear(), (TEXTS, LENGTH), steps, clamp=CLAMP,
            generator=torch.Generator().manual_seed(1), on_step=watched, calls=calls,
        )  # fmt: skip
        x = torch.stack(watched.states)
        incomplete = (x == graph.mask).any(2)
        changed = torch.ones_like(incomplete)
        changed[1:] = (x[1:] != x[:-1]).any(2)
        assert torch.equal(calls, (incomplete & (changed | (not cached))).sum(0))
        counts[cached] = calls
    # a text of five masks changes at most five times before it is complete
    assert int(counts[True].max()) <= LENGTH < int(counts[False][2:].min())


def test_a_text_from_left_to_right_costs_one_call_for_each_token_after_the_prefix() -> None:
    torch.manual_seed(0)
    network = DiffusionTransformer(
        9, True, hidden_size=16, n_blocks=1, n_heads=2, cond_dim=None, causal=True
    ).eval()
    calls = torch.zeros(3, dtype=torch.int64)
    sample_causal(network, 9, (3, 8), prefix=torch.tensor([1, 2]), calls=calls)
    assert calls.tolist() == [6, 6, 6]
