"""Speed and memory of training, sampling and the bound, measured on the code that the verbs run."""

from sedd.bench.benchmark import run_bench
from sedd.bench.options import Settings
from sedd.bench.table import render

__all__ = ["Settings", "render", "run_bench"]
