"""One theta-trapezoidal reverse step by its definition: two network calls, tables of probabilities.

A step has two stages. In a stage each position jumps at most once: with exposure E_y to the other
states y and E = sum E_y, it jumps with probability 1 - e^-E, to y in proportion to E_y. Exposure is
reverse rate times duration. Stage one takes the share theta of the step, with the rates r at its
start. The rest of the step has the rates a1 r* - a2 r, with r* the rates at the intermediate state
and time, and

    a1 = 1 / (2 theta (1 - theta)),   a2 = a1 ((1 - theta)^2 + theta^2),   a1 - a2 = 1.

r counts only at positions that did not jump: the others left the state that r belongs to. Negative
rates count as 0. Without negative rates the error of a step is of third order in its length, and
that of the law at the end of second order; a negative rate adds a term of first order. At
theta = 1/2, where a2 / a1 is least, rates stay positive unless one jump halves the rate of another.

differs from the paper's algorithm: it freezes rates in t. Here a step is measured by a clock u in
which the rates of single positions vary least: u = log(1 - e^-sigma) with a mask, where the exact
rate of unmasking is 1, and u = log(e^sigma - 1) without one, where rates are bounded at both ends.

Source: Ren et al. 2025, "Fast solvers for discrete diffusion models: theory and applications of
high-order algorithms", arXiv 2502.00234.

B batch, L sequence length, V states.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.categorical import draw
from sedd.diffusion.graph import Graph
from sedd.diffusion.network_calls import count_calls_
from sedd.diffusion.randomness import of_texts
from sedd.diffusion.reverse import PlainReverseStep, sharpen_exits
from sedd.diffusion.sharpening import UNCHANGED


@dataclass(frozen=True)
class Stages:
    """The numbers of one step: durations in units of sigma, i.e. Euler steps.

    first: of stage one. later, earlier: of the rest, times a1 and a2; for the rates at the
    intermediate level and at the start.
    """

    first: float
    later: float
    earlier: float


def plan_stages(graph: Graph, sigma: Tensor, theta: float) -> tuple[Tensor, list[Stages]]:
    """Intermediate levels (steps,) and the stages of each step between levels sigma (steps + 1,).

    sigma: float64, decreasing.
    """
    has_mask = graph.mask is not None
    log_moved = torch.log(-torch.expm1(-sigma))
    clock = log_moved if has_mask else sigma + log_moved
    length = -clock.diff()
    middle = clock[:-1] - theta * length
    zero = middle.new_zeros(())
    level = -torch.log(-torch.expm1(middle)) if has_mask else torch.logaddexp(middle, zero)

    def pace(sigma: Tensor) -> Tensor:
        """d sigma / d clock."""
        return torch.expm1(sigma) if has_mask else -torch.expm1(-sigma)

    a1 = 1 / (2 * theta * (1 - theta))
    a2 = a1 * ((1 - theta) ** 2 + theta**2)
    first = theta * length * pace(sigma[:-1])
    later = a1 * (1 - theta) * length * pace(level)
    earlier = a2 * (1 - theta) * length * pace(sigma[:-1])
    return level, [
        Stages(*map(float, numbers)) for numbers in zip(first, later, earlier, strict=True)
    ]


def exposures(graph: Graph, log_score: Tensor, x: Tensor, duration: float) -> Tensor:
    """Reverse rates times `duration`, of leaving x: (B, L, V), 0 at x. duration: units of sigma."""
    steps = log_score.new_full((x.shape[0],), duration)
    return graph.euler_step_weights(log_score, x, steps).scatter(-1, x[..., None], 0.0)


def leap_probs(exposure: Tensor, x: Tensor) -> Tensor:
    """Distribution (B, L, V) of the state after a stage with these exposures (B, L, V)."""
    total = exposure.sum(-1, keepdim=True)
    share = torch.where(total > 0, exposure / total, 0.0)
    return (share * -torch.expm1(-total)).scatter(-1, x[..., None], torch.exp(-total))


def kept_share(later: Tensor, earlier: Tensor, stayed: Tensor) -> Tensor:
    """(a1 r* - a2 r)^+ / (a1 r*): (B, L, V), the factor of the rates of the second call.

    later, earlier: (B, L, V) exposures a1 r* and a2 r. stayed: (B, L) where r counts.
    """
    earlier = torch.where(stayed[..., None], earlier, 0.0)
    return torch.where(later > earlier, 1 - earlier / later, 0.0)


def movable(graph: Graph, x: Tensor, rows: Tensor) -> Tensor:
    """Those of the flat positions `rows` (n,) of x (B, L) that can change: masks, if there is one."""
    return rows if graph.mask is None else rows[x.view(-1)[rows] == graph.mask]


@dataclass
class PlainTrapezoidalStep(PlainReverseStep):
    """Leaps in place, beside the moves of a `PlainReverseStep`."""

    def leap_(
        self,
        x: Tensor,
        rows: Tensor,
        sigma: Tensor,
        level: Tensor,
        stages: Stages,
        calls: Tensor | None = None,
    ) -> None:
        """One step of x (B, L) at flat positions `rows` (n,), which can change.

        sigma, level: (1,) noise at the start and at the intermediate time. calls: see
        `network_calls`.
        """
        count_calls_(calls, self.model, x, rows)
        before, log_score = x.clone(), self.model(x, sigma.expand(x.shape[0]))
        self._draw_(x, rows, self._sharpened(exposures(self.graph, log_score, x, stages.first)))
        rows = movable(self.graph, x, rows)
        if not rows.numel():
            return
        count_calls_(calls, self.model, x, rows)
        later = exposures(self.graph, self.model(x, level.expand(x.shape[0])), x, stages.later)
        earlier = exposures(self.graph, log_score, before, stages.earlier)
        self._draw_(x, rows, self._sharpened(later) * kept_share(later, earlier, x == before))

    def _sharpened(self, exposure: Tensor) -> Tensor:
        """Sharpen where jumps go, with the same total exposure."""
        if self.sharpening == UNCHANGED:
            return exposure
        assert self.graph.mask is not None, "only draws that replace a mask are sharpened"
        flat = sharpen_exits(exposure.flatten(0, 1), self.graph.mask, self.sharpening)
        return flat.view_as(exposure)

    def _draw_(self, x: Tensor, rows: Tensor, exposure: Tensor) -> None:
        probs = leap_probs(exposure, x).flatten(0, 1)
        generator = of_texts(self.generator, rows // x.shape[1])
        x.view(-1)[rows] = draw(probs[rows], generator, self.precision)
