"""Speed and memory of training, sampling and the likelihood bound, and time to a bound.

Measures the code that the verbs run.
"""

from sedd.bench.benchmark import run_bench
from sedd.bench.bound_table import render_bound
from sedd.bench.options import BenchOptions
from sedd.bench.samplers import compare_samplers, render_samplers
from sedd.bench.table import render
from sedd.bench.time_to_bound import BoundOptions, TimeToBound

__all__ = [
    "BenchOptions",
    "BoundOptions",
    "TimeToBound",
    "compare_samplers",
    "render",
    "render_bound",
    "render_samplers",
    "run_bench",
]
