"""Discrete-time diffusion with a denoiser (D3PM, Austin et al. 2021, arXiv 2107.03006): its bound, step by step.

Step i of T takes x_{i-1} to x_i; sigma_i = sigma(i / T) is the total noise after it, with sigma_0 = 0, and the last step
leaves nothing of the text, so that the bound has no term for it. The reverse step is p(x_{i-1} | x_i) = sum over x0 of
mu(x0) q(x_{i-1} | x_i, x0), and the bound is the sum over i of the divergence of q(x_{i-1} | x_i, x0) from it.

absorb:  at a masked position it is -log mu(x0) times the chance that step i, going back, uncovers it.
uniform: with a = (1 - e^-sigma) / V, b = e^-sigma, q_i(x | y) = a_i + b_i [x = y], both laws of y = x_{i-1} are q(x_i | y)
         times f(y) = sum over x0 of mu(x0) q_{i-1}(y | x0) / q_i(x | x0), the true one with mu at x0.

B batch, L sequence length, V states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.fast.row_chunks import over_rows, sum_by_sequence
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork
from sedd.diffusion.noise import Noise


@dataclass(frozen=True)
class StepGrid:
    """T steps along a noise schedule."""

    noise: Noise
    num_steps: int

    def index(self, t: Tensor) -> Tensor:
        """The step i in 1..T that ends the interval that t in (0, 1] lies in; of t = i / T in float64, i itself."""
        return torch.ceil(t.double() * self.num_steps - 1e-6).clamp(1, self.num_steps).long()

    def levels(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """sigma before and after each step, in float64: 0 before the first, infinite after the last."""
        i = index.double()
        before, after = (self.noise(at / self.num_steps)[0] for at in (i - 1, i))
        infinite = torch.full_like(after, torch.inf)
        return (
            torch.where(index == 1, 0.0, before),
            torch.where(index == self.num_steps, infinite, after),
        )

    def sigma_at(self, index: Tensor) -> Tensor:
        """The noise level that the network is told at each step, float32: sigma(i / T), which is finite."""
        return self.noise(index.double() / self.num_steps)[0].float()


def d3pm_divergence(
    network: SplitNetwork,
    graph: Graph,
    grid: StepGrid,
    index: Tensor,
    xt: Tensor,
    x0: Tensor,
    cross_entropy: float = 0.0,
) -> Tensor:
    """Divergence of step i's reverse law from the true one, summed over positions: (B,) nats.

    index: (B,) steps i in 1..T. xt, x0: (B, L) states after the step, and clean tokens. cross_entropy: weight of
    -log mu(x0), which is added at the same positions.
    """
    batch, length = xt.shape
    rows = graph.loss_positions(xt)
    features = network.features(xt, grid.sigma_at(index), rows)
    table, bias = (part[: graph.vocab_size] for part in network.vocabulary_layer())
    sequence = torch.arange(batch * length, device=xt.device) if rows is None else rows
    before, after = (level[sequence // length] for level in grid.levels(index))
    x, clean = (tokens.flatten()[sequence] for tokens in (xt, x0))
    of_row = _uniform_rows if graph.mask is None else _absorb_rows

    def function(logits: Tensor, *columns: Tensor) -> Tensor:
        log_mu = logits.log_softmax(-1)
        nats = of_row(log_mu, *columns)
        return nats - cross_entropy * _at(log_mu, columns[1]) if cross_entropy else nats

    nats = over_rows(function, features, table, bias, x, clean, before, after)
    return sum_by_sequence(nats, rows, batch, length)


def _at(table: Tensor, state: Tensor) -> Tensor:
    """Column state_n of each row n: (n,)."""
    return table.gather(1, state[:, None])[:, 0]


def _absorb_rows(log_mu: Tensor, x: Tensor, x0: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """(n,) at masked positions. Noise levels in float64."""
    uncovered = torch.exp(-before) * torch.expm1(before - after) / torch.expm1(-after)
    return -uncovered.to(log_mu.dtype) * _at(log_mu, x0)


def _uniform_rows(log_mu: Tensor, x: Tensor, x0: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """(n,): the sum over y of q_y (e^u - 1 - u), u = log f(y) - log f_true(y), which does not cancel; V columns."""
    size, dtype = log_mu.shape[1], log_mu.dtype
    first = before == 0
    # in the first step f_true is 0 but at x0, and the divergence -log mu(x0); any other level does for what is not used
    earlier = torch.where(first, 1.0, before)
    a, b = -torch.expm1(-after) / size, torch.exp(-after)
    a1, b1 = -torch.expm1(-earlier) / size, torch.exp(-earlier)
    step = (after - earlier).clamp(min=0)
    ad, bd = -torch.expm1(-step) / size, torch.exp(-step)
    same = x == x0
    true_q = a + b * same  # q_i(x | x0)

    def wide(value: Tensor) -> Tensor:
        return value.to(dtype)[:, None]

    mu = log_mu.exp()
    mu_x = mu.gather(1, x[:, None])
    rest = (1 - mu_x) * wide(true_q / a) + mu_x * wide(true_q / (a + b))
    # f(y) / f_true(y), as if y were neither x nor x0
    ratio = rest + mu * wide(b1 / a1 * true_q / a)
    ratio = ratio.scatter(1, x[:, None], rest + mu_x * wide(b1 / a1 * true_q / (a + b)))
    at_x0 = ratio.gather(1, x0[:, None]) * wide(a1 / (a1 + b1))
    ratio = ratio.scatter(1, x0[:, None], at_x0)

    # q(x_{i-1} = y | x, x0): three values
    law = wide(a1 * ad / true_q).expand_as(mu)
    law = law.scatter(1, x[:, None], wide((a1 + b1 * same) * (ad + bd) / true_q))
    law = law.scatter(1, x0[:, None], wide((a1 + b1) * (ad + bd * same) / true_q))
    divergence = (law * (ratio - 1 - ratio.log())).sum(1)
    return torch.where(first, -_at(log_mu, x0), divergence)
