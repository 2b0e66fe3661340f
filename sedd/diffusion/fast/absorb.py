"""Fast parts of the absorbing graph. Legend in `parts`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.fast.jump import ExitWeights
from sedd.diffusion.fast.vocabulary_sum import RowTerms
from sedd.diffusion.graph import StepKind


@dataclass(frozen=True)
class FastAbsorb:
    """Row terms and exit weights of masked rows. See `FastParts`."""

    graph: Absorb

    def row_terms(self, sigma: Tensor, offset: Tensor, x: Tensor, x0: Tensor) -> RowTerms:
        odds = torch.expm1(sigma.double())
        return RowTerms(
            target=x0,
            exp_weight=torch.exp(-offset.double()),
            target_weight=1 / odds,
            target_shift=torch.log(odds) - offset,
        )

    def takes_excess(self, kind: StepKind, step: float) -> bool:
        return False

    def exit_weights_(self, score: Tensor, x: Tensor, kind: StepKind, step: float) -> ExitWeights:
        score.scatter_(1, x[:, None], 0.0)
        if kind == "denoise":
            return ExitWeights(1.0, score.new_zeros(x.shape))
        return ExitWeights(step if kind == "euler" else math.expm1(step), None)
