"""What was measured on a run's last checkpoint, for programs: small enough to keep each version and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sedd.results.collect import Evaluation

TOLD = ("perplexity", "bits_per_character", "nats_per_token", "standard_error")


def last_numbers(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """By text: perplexity a token, bits a character, nats a token and their error; empty if nothing was measured."""
    last = max((found.step for found in evaluations), default=None)
    return {
        found.dataset: found.model_dump(include=set(TOLD))
        for found in evaluations
        if found.step == last
    }
