"""Fast parts of the uniform graph. Legend in `parts`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.fast.jump import ExitWeights
from sedd.diffusion.fast.vocabulary_sum import RestRatio, RowTerms
from sedd.diffusion.graph import StepKind
from sedd.diffusion.uniform import Uniform

# A step of length d amplifies the rounding of the scores by e^d, here to 1e-5 in float32. Longer
# steps take s - 1, which is close to 0 at high noise. It costs a third more of the vocabulary
# layer on a CPU, where exp2 is faster than expm1.
LONG_STEP = 5.0


@dataclass(frozen=True)
class FastUniform:
    """Row terms and exit weights of any row. See `FastParts`."""

    graph: Uniform

    def row_terms(self, sigma: Tensor, offset: Tensor, x: Tensor, x0: Tensor) -> RowTerms:
        log_rho = self.graph.log_rho(sigma)
        offset = offset.double()
        same = x == x0
        terms = RowTerms(
            target=x0,
            exp_weight=torch.exp(-offset),
            target_weight=torch.where(same, 0.0, torch.exp(-log_rho)),
            target_shift=torch.where(same, 0.0, log_rho - offset),
            rest=RestRatio(x, offset + torch.where(same, log_rho, 0.0)),
        )
        return terms.scaled(1 / self.graph.num_states)

    def takes_excess(self, kind: StepKind, step: float) -> bool:
        return kind != "euler" and step > LONG_STEP

    def exit_weights_(self, score: Tensor, x: Tensor, kind: StepKind, step: float) -> ExitWeights:
        current, num_states = x[:, None], self.graph.num_states
        if kind == "euler":
            score.scatter_(1, current, 0.0)
            return ExitWeights(step / num_states, None)
        growth = math.expm1(step)
        mean = score.mean(1, keepdim=True).double()
        # (e^-dQ s)_y = (1 + growth) s_y - growth * mean, clamped at 0 like all negative weights;
        # of s - 1, the same and 1 more
        one = 1.0 if self.takes_excess(kind, step) else 0.0
        score.mul_(1 + growth).sub_((growth * mean - one).to(score.dtype)).clamp_(min=0)
        score.scatter_(1, current, 0.0)
        change = -math.expm1(-step) / num_states  # (e^dQ)(x | y), y != x
        stay = (1 + growth * (1 - one - mean[:, 0])).clamp(min=0) * (math.exp(-step) + change)
        return ExitWeights(change, stay)
