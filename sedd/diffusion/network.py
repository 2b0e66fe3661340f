"""Protocols of networks. The definitions take any callable (x, sigma) -> log_score.

B batch, L sequence length, V states, H width of the features. n: number of positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from torch import Tensor

# (x (B, L), sigma (B,)) -> log_score (B, L, V)
ScoreFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class SplitNetwork(Protocol):
    """A network whose last layer is linear and can be applied to some positions, or in chunks.

    log_score = features @ weight.T + bias - offset, except at the current token, where it is 0.

    Optional attribute `constant_input_invariant`: true if identical tokens have the same features
    at every position, for any number of positions. On a CPU, a sampler then runs the network on one
    mask while all positions are masked.
    """

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x (B, L), sigma (B,) -> log_score (B, L, V)."""
        ...

    def features(self, x: Tensor, sigma: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, H) at flat positions `rows` (n,) of x, or at all B * L positions.

        sigma: (B,), or (1,) for all sequences.
        """
        ...

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """weight (V, H) and bias (V,)."""
        ...

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        """Offset subtracted from every logit of a sequence: (B,)."""
        ...


class CausalSplitNetwork(Protocol):
    """A `SplitNetwork` without noise whose features depend only on the tokens up to a position."""

    def features(
        self, x: Tensor, sigma: None, rows: Tensor | None = None, caches: Any = None
    ) -> Tensor:
        """(n, H) at flat positions `rows` of x (B, L), or at all positions.

        caches: from `new_caches`; x then holds the tokens after the cached ones.
        """
        ...

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """weight (V or V + 1, H) and bias (V or V + 1,)."""
        ...

    def new_caches(self, batch: int, length: int) -> Any:
        """Empty caches for `batch` sequences of up to `length` tokens."""
        ...
