"""What a trained run is worth: texts drawn from it, and bounds on its perplexity."""

from sedd.evaluate.estimators import compare_estimators, render_estimators
from sedd.evaluate.likelihood import measure
from sedd.evaluate.run import Run, open_run
from sedd.evaluate.sample import asked_for, draw_samples, write_samples
from sedd.evaluate.trace import draw_trace

__all__ = [
    "Run",
    "asked_for",
    "compare_estimators",
    "draw_samples",
    "draw_trace",
    "measure",
    "open_run",
    "render_estimators",
    "write_samples",
]
