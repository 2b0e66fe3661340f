"""One number for several trainings that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev

from sedd.report.table.metrics import Number


def over_seeds(numbers: Sequence[Number]) -> Number:
    """Mean and sample standard deviation over seeds; a single number stays as it is.

    The deviation stands in place of the standard error: it contains the error of measuring. Entropies
    are averaged too. The mean has no value if one of the values is too large for a float.
    """
    first, *others = numbers
    if not others:
        return first
    values = [one.value for one in numbers if one.value is not None]
    bits = [one.entropy_bits for one in numbers if one.entropy_bits is not None]
    is_complete = len(values) == len(numbers)
    return replace(
        first,
        value=fmean(values) if is_complete else None,
        standard_error=stdev(values) if is_complete else None,
        bound=any(one.bound for one in numbers),
        entropy_bits=fmean(bits) if len(bits) == len(numbers) else None,
        num_seeds=len(numbers),
    )
