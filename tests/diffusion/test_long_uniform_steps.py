"""Long steps on the uniform graph from high noise, where every score is close to 1.

At sigma = 20 the scores differ from 1 by about 1e-8, and a step of length 20 multiplies the
difference by 5e8. With one position, one analytic step from exact scores gives the law of the data.
A network has to give log scores with all digits of their own size: digits that it loses in a
difference of larger numbers are lost, whatever the sampler does.
"""

from __future__ import annotations

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.optimal import BestDenoiser
from torch import Tensor

from sedd.diffusion import Denoiser, DrawPrecision, Geometric, ScoreFunction, Uniform, sample

COUNT = 20_000
FALSE_ALARM = 1e-6
GRAPH, NOISE = Uniform(8), Geometric()


class Float32Denoiser(BestDenoiser):
    def features(self, x: Tensor, sigma, rows: Tensor | None = None, caches=None) -> Tensor:
        return super().features(x, sigma, rows).float()

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        weight, bias = super().vocabulary_layer()
        return weight.float(), bias.float()


class Float32Scores(Float32Denoiser):
    """A `SplitNetwork` whose features are its log scores."""

    def features(self, x: Tensor, sigma, rows: Tensor | None = None, caches=None) -> Tensor:
        log_score = self.data.log_score(x, sigma).flatten(0, 1).float()
        return log_score if rows is None else log_score[rows]

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.data.log_score(x, sigma).float()


@pytest.fixture(scope="module")
def data() -> Data:
    return Data.random(GRAPH, 1, seed=5)


def p_value(
    data: Data,
    model: ScoreFunction,
    steps: int,
    fused: bool = True,
    precision: DrawPrecision = "float64",
) -> float:
    x = sample(
        model, GRAPH, NOISE, (COUNT, 1), steps,
        generator=torch.Generator().manual_seed(steps), fused=fused, precision=precision,
    )  # fmt: skip
    return chi_square(torch.bincount(x[:, 0], minlength=8).double(), data.probability)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", ["scores", "split", "denoiser"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_few_steps_of_a_float32_network_give_the_data(data, kind, steps, fused, precision):
    def scores(x: Tensor, sigma: Tensor) -> Tensor:
        return data.log_score(x, sigma).float()

    model = {
        "scores": scores,
        "split": Float32Scores(data),
        "denoiser": Denoiser(Float32Denoiser(data), GRAPH),
    }[kind]
    assert p_value(data, model, steps, fused, precision) > FALSE_ALARM


def test_scores_rounded_near_one_give_another_law(data):
    def rounded(x: Tensor, sigma: Tensor) -> Tensor:
        return data.log_score(x, sigma).exp().float().log()

    assert p_value(data, rounded, 1) < FALSE_ALARM


def test_the_excess_of_a_denoiser_keeps_the_digits_of_its_scores():
    logits = torch.randn(8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x, sigma = torch.arange(8), torch.full((8,), 20.0)
    exact = GRAPH.denoiser_excess(logits, x, sigma)
    torch.testing.assert_close(
        exact, GRAPH.denoiser_scores(logits, x, sigma) - 1, rtol=0, atol=1e-15
    )
    single = GRAPH.denoiser_excess(logits.float(), x, sigma).double()
    torch.testing.assert_close(single, exact, rtol=1e-5, atol=1e-14)
    assert exact.abs().max() < 1e-7
