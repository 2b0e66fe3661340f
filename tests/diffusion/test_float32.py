"""Float32 keeps its digits over all noise levels and vocabularies."""

from __future__ import annotations

import pytest
import torch

from sedd.diffusion import Absorb, Geometric, Graph, LogLinear, Noise, Uniform
from sedd.diffusion.fused import differentiable_vocabulary_sum

TIMES = [1e-5, 1e-3, 0.5, 0.99, 1.0]
SIZES = [2, 27, 1000, 50257, 131_072]
RTOL = 1e-4
FLOOR = 1e-7  # nats: where the score is right to all its digits, the loss is the square of rounding


def cases(size: int) -> list[tuple[Graph, Noise]]:
    return [(Absorb(size), LogLinear()), (Uniform(size), Geometric())]


def states(graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
    """Pairs x, x0 (1, 2): unmoved and moved, or masked."""
    last = graph.vocab_size - 1
    x0 = torch.tensor([[0, last]])
    return torch.full_like(x0, 0 if graph.mask is None else graph.mask), x0


def log_scores(graph: Graph, sigma: torch.Tensor, x: torch.Tensor, x0: torch.Tensor):
    """An untrained network, a nearly perfect one, and a wrong one; float32, zero at x."""
    law = graph.transition(x0, sigma.double())
    truth = (law / law.gather(-1, x[..., None])).log().clamp(min=-20).float()
    error = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    for score in (torch.zeros_like(truth), truth + 0.1 * error, 2 * error):
        yield score.scatter(-1, x[..., None], 0.0)


@pytest.mark.parametrize("size", SIZES)
def test_score_entropy_in_float32_agrees_with_float64(size):
    for graph, noise in cases(size):
        x, x0 = states(graph)
        for t in TIMES:
            sigma, _ = noise(torch.tensor([t]))
            for log_score in log_scores(graph, sigma, x, x0):
                single = graph.score_entropy(log_score, sigma, x, x0)
                double = graph.score_entropy(log_score.double(), sigma.double(), x, x0)
                assert torch.isfinite(single).all()
                error = (single.double() - double).abs()
                assert (error < RTOL * double + FLOOR).all(), (type(graph), t)


@pytest.mark.parametrize("size", SIZES)
def test_the_fused_sum_in_float32_agrees_with_float64(size):
    """Features of width 2 around logits of a realistic size, so that the network adds no error of
    its own.
    """
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(size + 1, 2, generator=generator)
    bias = torch.randn(size + 1, generator=generator)
    for graph, noise in cases(size):
        x, x0 = (state[0] for state in states(graph))
        features = torch.randn(len(x), 2, generator=generator)
        w, b = weight[: graph.num_states], bias[: graph.num_states]
        for t in TIMES:
            sigma = noise(torch.tensor([t]))[0].expand(len(x))
            offset = torch.log(torch.expm1(sigma)) + torch.tensor(float(size)).log()
            offset = offset if graph.mask is not None else torch.zeros_like(offset)
            terms = graph.row_terms(sigma, offset, x, x0)
            single = differentiable_vocabulary_sum(features, w, b, terms, size)
            wide = (features.double(), w.double(), b.double())
            double = differentiable_vocabulary_sum(*wide, terms, size)
            assert torch.isfinite(single).all()
            error = (single.double() - double).abs()
            assert (error < RTOL * double + FLOOR).all(), (type(graph), t)


@pytest.mark.parametrize("size", SIZES)
def test_textbook_formulas_in_float32_would_fail(size):
    """The same scan sees the cancellation that the code avoids: a control of the test above."""
    sigma = torch.tensor(1e-4)
    textbook = 1 - size / (torch.exp(sigma) - 1 + size)
    safe = torch.expm1(sigma) / (torch.expm1(sigma) + size)
    exact = torch.expm1(sigma.double()) / (torch.expm1(sigma.double()) + size)
    assert abs(safe.double() / exact - 1) < RTOL
    assert abs(textbook.double() / exact - 1) > RTOL
