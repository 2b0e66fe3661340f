"""Speed and memory of training, sampling and the likelihood bound.

Measures the code that the verbs run.
"""

from sedd.bench.benchmark import run_bench
from sedd.bench.options import BenchOptions
from sedd.bench.table import render

__all__ = ["BenchOptions", "render", "run_bench"]
