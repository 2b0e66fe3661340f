"""Speed and memory of training, sampling and the likelihood bound.

Measures the code that the verbs run.
"""

from sedd.bench.benchmark import run_bench
from sedd.bench.options import BenchOptions
from sedd.bench.samplers import compare_samplers, render_samplers
from sedd.bench.table import render

__all__ = ["BenchOptions", "compare_samplers", "render", "render_samplers", "run_bench"]
