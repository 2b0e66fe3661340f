"""What a graph needs to take the fast paths, and which graphs have it.

n, r rows: single positions, each with its own state and noise. V states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.fast.absorb import FastAbsorb
from sedd.diffusion.fast.jump import ExitWeights
from sedd.diffusion.fast.uniform import FastUniform
from sedd.diffusion.fast.vocabulary_sum import RowTerms
from sedd.diffusion.graph import Graph, StepKind
from sedd.diffusion.uniform import Uniform


class FastParts(Protocol):
    """The loss and the reverse step of a graph in forms that need no table of all positions."""

    def row_terms(self, sigma: Tensor, offset: Tensor, x: Tensor, x0: Tensor) -> RowTerms:
        """Terms of the sum over the vocabulary in `Graph.score_entropy`, for n positions with a
        loss.

        All arguments have shape (n,). offset: subtracted from every logit, see
        `SplitNetwork.log_score_offset`.
        """
        ...

    def takes_excess(self, kind: StepKind, step: float) -> bool:
        """Whether `exit_weights_` takes score - 1, because rounding of the score would matter."""
        ...

    def exit_weights_(self, score: Tensor, x: Tensor, kind: StepKind, step: float) -> ExitWeights:
        """`Graph.step_probs` of rows that can move, as weights of leaving the state x (r,).

        score: (r, V), 1 at x; score - 1 if `takes_excess`. Overwritten by the weights of the other
            states, 0 at x.
        step: dt * dsigma (euler), difference of sigma (analytic), or sigma (denoise).
        """
        ...


# Keyed by the exact class: a subclass may change the mathematics, so it starts without fast parts.
FAST_PARTS: dict[type[Graph], Callable[[Any], FastParts]] = {
    Absorb: FastAbsorb,
    Uniform: FastUniform,
}


def fast_parts(graph: Graph) -> FastParts | None:
    """The fast parts of a graph, or None: the graph then runs on its definitions."""
    make = FAST_PARTS.get(type(graph))
    return None if make is None else make(graph)


def require_fast_parts(graph: Graph) -> FastParts:
    """The fast parts of a graph. Raises TypeError if it has none."""
    parts = fast_parts(graph)
    if parts is None:
        raise TypeError(
            f"the fused loss and drawn vocabulary tokens need fast parts, and {type(graph).__name__} "
            "has none: use fused=False and no vocabulary_draws, or add its class to "
            "sedd.diffusion.fast.parts.FAST_PARTS"
        )
    return parts
