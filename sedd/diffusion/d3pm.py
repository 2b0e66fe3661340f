"""Discrete-time diffusion with a denoiser: the bound of D3PM, step by step.

Step i of T takes x_{i-1} to x_i. sigma_i = sigma(i / T) is the total noise after it, with sigma_0 =
0. The last step leaves nothing of the text, so the bound has no term for the limit distribution.
The reverse step is p(x_{i-1} | x_i) = sum over x0 of mu(x0) q(x_{i-1} | x_i, x0). The bound is the
sum over i of KL(q(x_{i-1} | x_i, x0) || p(x_{i-1} | x_i)), called the divergence of step i below.

absorb:  at a masked position the divergence is -log mu(x0) times the probability that the reverse
         step i unmasks it.
uniform: let a = (1 - e^-sigma) / V, b = e^-sigma, and q_i(x | y) = a_i + b_i [x = y]. Both
         distributions of y = x_{i-1} are q(x_i | y) times
         f(y) = sum over x0 of mu(x0) q_{i-1}(y | x0) / q_i(x | x0). The true one has all mass of mu
         at x0.

Source: Austin et al. 2021, arXiv 2107.03006.
B batch, L sequence length, V states, n rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.fast.row_chunks import RowFunction, over_rows
from sedd.diffusion.fast.rows import loss_positions, sum_by_sequence
from sedd.diffusion.graph import Graph
from sedd.diffusion.network import SplitNetwork
from sedd.diffusion.noise import Noise
from sedd.diffusion.uniform import Uniform


@dataclass(frozen=True)
class StepGrid:
    """T steps along a noise schedule."""

    noise: Noise
    num_steps: int

    def index(self, t: Tensor) -> Tensor:
        """The step i in 1..T whose interval ((i - 1) / T, i / T] holds t in (0, 1], int64.

        t = i / T in float64 gives i.
        """
        return torch.ceil(t.double() * self.num_steps - 1e-6).clamp(1, self.num_steps).long()

    def levels(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """sigma before and after the steps `index`, each float64 of its shape; infinite after the
        last.
        """
        i = index.double()
        before, after = (self.noise(at / self.num_steps)[0] for at in (i - 1, i))
        infinite = torch.full_like(after, torch.inf)
        return (
            torch.where(index == 1, 0.0, before),
            torch.where(index == self.num_steps, infinite, after),
        )

    def sigma_at(self, index: Tensor) -> Tensor:
        """The noise input of the network at each step, float32: sigma(i / T), which is finite."""
        return self.noise(index.double() / self.num_steps)[0].float()


def d3pm_divergence(
    network: SplitNetwork,
    graph: Graph,
    grid: StepGrid,
    index: Tensor,
    xt: Tensor,
    x0: Tensor,
    cross_entropy: float = 0.0,
    padding: Tensor | None = None,
) -> Tensor:
    """Divergence of the reverse step i from the true posterior, summed over positions: (B,) nats.

    index: (B,) steps i in 1..T. xt, x0: (B, L) states after the step, and clean tokens.
    cross_entropy: weight of -log mu(x0), added at the same positions. padding: (B, L), true for
    positions after a sequence's own tokens, which are the same in xt and x0 and have no divergence.
    Raises TypeError for a graph other than absorb and uniform.
    """
    batch, length = xt.shape
    divergence = _row_divergence(graph)
    rows = loss_positions(graph, xt, padding)
    features = network.features(xt, grid.sigma_at(index), rows)
    table, bias = (part[: graph.vocab_size] for part in network.vocabulary_layer())
    position = torch.arange(batch * length, device=xt.device) if rows is None else rows
    before, after = (level[position // length] for level in grid.levels(index))
    x, clean = (tokens.flatten()[position] for tokens in (xt, x0))

    def nats_of_rows(logits: Tensor, *columns: Tensor) -> Tensor:
        log_mu = logits.log_softmax(-1)
        nats = divergence(log_mu, *columns)
        return nats - cross_entropy * _at(log_mu, columns[1]) if cross_entropy else nats

    nats = over_rows(nats_of_rows, features, table, bias, x, clean, before, after)
    return sum_by_sequence(nats, rows, batch, length)


def _row_divergence(graph: Graph) -> RowFunction:
    """(log_mu, x, x0, sigma before, sigma after) -> divergence (n,)."""
    match graph:
        case Absorb():
            return _absorb_rows
        case Uniform():
            return _uniform_rows
    raise TypeError(f"D3PM is defined for Absorb and Uniform, got {type(graph).__name__}")


def _at(table: Tensor, state: Tensor) -> Tensor:
    """Column state_n of each row n: (n,)."""
    return table.gather(1, state[:, None])[:, 0]


def _absorb_rows(log_mu: Tensor, x: Tensor, x0: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Divergence (n,) at masked positions. before, after: float64."""
    unmasked = torch.exp(-before) * torch.expm1(before - after) / torch.expm1(-after)
    return -unmasked.to(log_mu.dtype) * _at(log_mu, x0)


def _uniform_rows(log_mu: Tensor, x: Tensor, x0: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Divergence (n,): sum over y of q_y (e^u - 1 - u), u = log f(y) - log f_true(y).

    This form does not cancel. log_mu: (n, V). before, after: float64.
    """
    size, dtype = log_mu.shape[1], log_mu.dtype
    first = before == 0
    # In the first step f_true is 0 except at x0, and the divergence is -log mu(x0). Any other level
    # keeps the unused values finite.
    earlier = torch.where(first, 1.0, before)
    a, b = -torch.expm1(-after) / size, torch.exp(-after)
    a1, b1 = -torch.expm1(-earlier) / size, torch.exp(-earlier)
    step = (after - earlier).clamp(min=0)
    ad, bd = -torch.expm1(-step) / size, torch.exp(-step)
    same = x == x0
    true_q = a + b * same  # q_i(x | x0)

    def column(value: Tensor) -> Tensor:
        return value.to(dtype)[:, None]

    mu = log_mu.exp()
    mu_x = mu.gather(1, x[:, None])
    rest = (1 - mu_x) * column(true_q / a) + mu_x * column(true_q / (a + b))
    # f(y) / f_true(y), as if y were neither x nor x0
    ratio = rest + mu * column(b1 / a1 * true_q / a)
    ratio = ratio.scatter(1, x[:, None], rest + mu_x * column(b1 / a1 * true_q / (a + b)))
    at_x0 = ratio.gather(1, x0[:, None]) * column(a1 / (a1 + b1))
    ratio = ratio.scatter(1, x0[:, None], at_x0)

    # q(x_{i-1} = y | x, x0): three values
    law = column(a1 * ad / true_q).expand_as(mu)
    law = law.scatter(1, x[:, None], column((a1 + b1 * same) * (ad + bd) / true_q))
    law = law.scatter(1, x0[:, None], column((a1 + b1) * (ad + bd * same) / true_q))
    divergence = (law * (ratio - 1 - ratio.log())).sum(1)
    return torch.where(first, -_at(log_mu, x0), divergence)
