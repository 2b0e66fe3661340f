"""Numbers as text: with their standard error, and where a float cannot hold them."""

from __future__ import annotations

import math
import sys

LARGEST_NATS = math.log(sys.float_info.max)


def perplexity_of(nats_per_token: float) -> float | None:
    """e^nats_per_token; None if it is too large for a float."""
    return math.exp(nats_per_token) if nats_per_token <= LARGEST_NATS else None


def product(a: float | None, b: float | None) -> float | None:
    """a b; None if either is, or if the product is too large for a float."""
    return None if a is None or b is None else finite(a * b)


def finite(value: float | None) -> float | None:
    """The value; None if it is infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def spell(
    value: float | None, error: float | None, form: str = ".2f", nats: float | None = None
) -> str:
    """`51.20 ± 0.31`, without an error if there is none.

    nats: of a perplexity. If the perplexity is too large for a float (None), `e^812.3` instead.
    """
    if value is None:
        return "too large" if nats is None else f"e^{nats:.1f}"
    return f"{value:{form}}" + ("" if error is None else f" ± {error:{form}}")
