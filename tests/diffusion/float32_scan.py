"""How far the loss in float32 is from float64, over vocabularies, times, states and scores, plain and fused, with gradients.

    PYTHONPATH=tests python tests/diffusion/float32_scan.py          prints the worst of each vocabulary and path

Both precisions start from the same float32 time, features, weights and scores, so that only what this project computes is
compared: schedules, ratios, sums. V: tokens of the vocabulary.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion import Absorb, Geometric, Graph, LogLinear, Noise, Uniform
from sedd.diffusion.fast.fused import differentiable_vocabulary_sum
from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.loss import fusing_pays

GRAPHS = {"absorb": Absorb, "uniform": Uniform}
NOISES = {"loglinear": LogLinear(), "geometric": Geometric()}
WIDTH = 2  # of the features: the network itself must add no error
# Of the logits: none (an untrained network), 10 % from the truth, and random of any size. At 1 % and nearer the loss, a square of
# the distance, feels the rounding of a logit of size 10 itself, whatever is done with it here.
SCALES = ("zero", "near the truth", 0.01, 0.1, 1.0, 5.0, 20.0)
# What is no error, as a part of dsigma: nats of a loss, more of the fused sum where that is not the default; and of a gradient, a
# difference of ratios of size 1.
LOSS_FLOOR, FUSED_FLOOR, GRADIENT_FLOOR = 1e-9, 1e-7, 1e-7
RTOL = 1e-4


@dataclass(frozen=True)
class Case:
    """One position's loss, dsigma x score entropy. weight, bias, features: of a linear last layer."""

    graph: Graph
    noise: Noise
    t: float
    x: int
    x0: int
    features: Tensor  # (1, WIDTH)
    weight: Tensor  # (V or V + 1, WIDTH)
    bias: Tensor

    @classmethod
    def draw(
        cls, graph: Graph, noise: Noise, t: float, x: int, x0: int, scale: float | str, seed: int
    ) -> Case:
        draws = torch.Generator().manual_seed(seed)
        features = torch.randn(1, WIDTH, generator=draws).clamp(
            -2, 2
        )  # so that no logit exceeds 80
        spread = scale if isinstance(scale, float) else 0.0
        weight = spread * torch.randn(graph.num_states, WIDTH, generator=draws)
        bias = spread * torch.randn(graph.num_states, generator=draws)
        bias, weight = bias.clamp(-40, 40), weight.clamp(-10, 10)
        if scale == "near the truth":
            sigma = noise(torch.tensor([t], dtype=torch.float64))[0]
            law = graph.transition(torch.tensor([[x0]]), sigma)[0, 0]
            truth = (law / law[x]).log().clamp(-30, 30)
            sign = torch.randint(2, bias.shape, generator=draws) * 2 - 1
            bias = (truth + offset(graph, sigma) + 0.1 * sign).float()
        return cls(graph, noise, t, x, x0, features, weight, bias)

    def losses(self, dtype: torch.dtype, fused: bool) -> tuple[Tensor, list[Tensor]]:
        """The loss, and its gradients by features, weight and bias, computed in `dtype`."""
        t = torch.tensor([self.t], dtype=torch.float32).to(dtype)
        sigma, dsigma = self.noise(t)
        x, x0 = torch.tensor([self.x]), torch.tensor([self.x0])
        inputs = [p.to(dtype).requires_grad_() for p in (self.features, self.weight, self.bias)]
        if fused:
            terms = require_fast_parts(self.graph).row_terms(
                sigma, offset(self.graph, sigma), x, x0
            )
            loss = differentiable_vocabulary_sum(
                *inputs, terms.scaled(dsigma.double()), self.graph.vocab_size
            ).sum()
        else:
            features, weight, bias = inputs
            log_score = features @ weight.T + bias - offset(self.graph, sigma)
            log_score = log_score.scatter(-1, x[:, None], 0.0)[:, None]
            entropy = self.graph.score_entropy(log_score, sigma, x[:, None], x0[:, None])
            loss = (dsigma * entropy[:, 0]).sum()
        return loss.detach(), list(torch.autograd.grad(loss, inputs))

    def errors(self, fused: bool) -> tuple[float, float]:
        """Of the loss and of the gradient (largest of the three norms), relative to float64, where below `RTOL` is right; nan if
        anything is not finite.
        """
        single, double = self.losses(torch.float32, fused), self.losses(torch.float64, fused)
        if not all(torch.isfinite(part).all() for part in (single[0], *single[1])):
            return float("nan"), float("nan")
        dsigma = float(self.noise(torch.tensor([self.t], dtype=torch.float64))[1])
        level = dsigma / RTOL
        floor = FUSED_FLOOR if fused and not fusing_pays(self.graph) else LOSS_FLOOR
        loss = float(abs(single[0].double() - double[0]) / (double[0].abs() + floor * level))
        slope = max(
            float((one.double() - other).norm() / (other.norm() + GRADIENT_FLOOR * level))
            for one, other in zip(single[1], double[1], strict=True)
        )
        return loss, slope


def offset(graph: Graph, sigma: Tensor) -> Tensor:
    """What the published networks take off every logit."""
    if graph.mask is None:
        return torch.zeros_like(sigma)
    level = sigma + torch.log(-torch.expm1(-sigma))
    return level + torch.log(torch.tensor(float(graph.vocab_size)))


def states(graph: Graph) -> list[tuple[int, int]]:
    """x, x0: the mask; or a token that is still the same, and one that is not."""
    last = graph.vocab_size - 1
    return [(0, 0), (0, last)] if graph.mask is None else [(graph.mask, last)]


def main() -> None:
    torch.set_num_threads(1)
    times = [10 ** (-step / 3) for step in range(16)] + [0.3, 0.7, 0.9, 0.99, 0.999]
    print(f"{'V':>7} {'graph':8} {'noise':10} {'path':6} {'loss':>9} {'gradient':>9}   worst at")
    for size in (2, 3, 27, 256, 4096, 50257, 131_072):
        for kind, noise, fused in itertools.product(GRAPHS, NOISES, (False, True)):
            graph, worst, slope, where = GRAPHS[kind](size), 0.0, 0.0, ""
            for t, (x, x0), scale in itertools.product(times, states(graph), SCALES):
                case = Case.draw(graph, NOISES[noise], t, x, x0, scale, seed=size)
                found, found_slope = case.errors(fused)
                if not found <= worst:
                    worst, where = found, f"t {t:.3g}, {'same' if x == x0 else 'moved'}, {scale}"
                slope = max(slope, found_slope)
            path = "fused" if fused else "plain"
            print(f"{size:7} {kind:8} {noise:10} {path:6} {worst:9.1e} {slope:9.1e}   {where}")


if __name__ == "__main__":
    main()
