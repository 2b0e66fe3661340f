"""Fast parts of each graph against its tables."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from sedd.diffusion import Absorb, Uniform
from sedd.diffusion.fast.parts import require_fast_parts

GRAPHS = [Absorb(2), Absorb(4), Uniform(2), Uniform(5)]
each_graph = pytest.mark.parametrize(
    "graph", GRAPHS, ids=lambda g: f"{type(g).__name__}-{g.vocab_size}"
)


@each_graph
@pytest.mark.parametrize("kind", ["euler", "analytic", "denoise"])
@pytest.mark.parametrize("step", [1e-4, 0.05, 1.5, 6.0])
def test_exit_weights_are_those_of_the_table(graph, kind, step):
    """Also where weights would be negative: a step of 1.5 with random scores overshoots."""
    rows, draws = 40, torch.Generator().manual_seed(0)
    x = torch.arange(rows) % graph.num_states
    x = x if graph.mask is None else torch.full_like(x, graph.mask)
    log_score = 2 * torch.randn(rows, graph.num_states, generator=draws, dtype=torch.float64)
    log_score = log_score.scatter(-1, x[:, None], 0.0)
    length = torch.full((rows,), step, dtype=torch.float64)
    expected = graph.step_probs(kind, log_score[:, None], x[:, None], length)[:, 0]
    parts = require_fast_parts(graph)
    table = log_score.expm1() if parts.takes_excess(kind, step) else log_score.exp()
    exits = parts.exit_weights_(table, x, kind, step)
    total = exits.scale * table.sum(1)
    stay = (1 - total if exits.stay is None else exits.stay).clamp(min=0)
    found = exits.scale * table
    found = found.scatter_add(1, x[:, None], stay[:, None]) / (total + stay)[:, None]
    assert_close(found[:, : expected.shape[1]], expected, rtol=1e-10, atol=1e-14)
    if step == 1.5 and kind == "euler":
        assert (stay == 0).any()
