"""What the fast paths ask of a network. The plain paths take any callable (x, sigma) -> log_score.

B batch, L sequence length, V states, H width of the last features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

ScoreFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class SplitNetwork(Protocol):
    """A network whose last step, linear in its features, can be applied to some positions or in
    pieces.

    log_score = features @ weight.T + bias - offset, except at the current token, where it is 0.

    One that finds the same features at every position of equal tokens, and in any number of them, may say so by a true
    attribute `constant_input_invariant`: on a CPU a sampler then asks it about one mask, where all is masked still.
    """

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x (B, L), sigma (B,) -> log_score (B, L, V)."""
        ...

    def features(self, x: Tensor, sigma: Tensor, rows: Tensor | None = None) -> Tensor:
        """(n, H) at flat positions `rows` (n,) of x, or at all B * L. sigma: (B,), or (1,) for all
        sequences.
        """
        ...

    def vocabulary_layer(self) -> tuple[Tensor, Tensor]:
        """weight (V, H) and bias (V,)."""
        ...

    def log_score_offset(self, sigma: Tensor) -> Tensor:
        """What is taken off every logit of a sequence, (B,)."""
        ...
