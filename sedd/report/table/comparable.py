"""Whether a number of ours can stand in one column with the published ones."""

from __future__ import annotations

from typing import Literal

from sedd.config.table import Column, TableConfig
from sedd.results.generative import GenerativeResult
from sedd.results.mauve import MauveResult
from sedd.results.perplexity import PerplexityResult
from sedd.results.record import Measurement

Other = Literal["other split", "other protocol", "other judge", "other convention"]


def other_than_published(
    result: Measurement, column: Column, config: TableConfig
) -> list[tuple[Other, str]]:
    """What differs from the column's published numbers, with the value of ours; empty if they
    compare.
    """
    different: list[tuple[Other, str]] = []
    if isinstance(result, PerplexityResult):
        if result.split != column.split:
            different.append(("other split", result.split))
        if column.protocol not in (None, result.protocol):
            different.append(("other protocol", result.protocol))
    if isinstance(result, GenerativeResult | MauveResult) and result.judge != config.judge:
        different.append(("other judge", result.judge))
    if isinstance(result, GenerativeResult) and result.convention != config.convention:
        different.append(("other convention", result.convention))
    return different
