"""What a model is worth: texts drawn from it, its perplexity, and what judges say of its texts."""

from sedd.evaluate.estimators import compare_estimators, render_estimators
from sedd.evaluate.likelihood import measure
from sedd.evaluate.open import open_run
from sedd.evaluate.parts import remove_parts
from sedd.evaluate.run import NetworkRun, Run
from sedd.evaluate.sample import asked_for, draw_samples, write_samples
from sedd.evaluate.text import open_text
from sedd.evaluate.trace import draw_trace

__all__ = [
    "NetworkRun",
    "Run",
    "asked_for",
    "compare_estimators",
    "draw_samples",
    "draw_trace",
    "measure",
    "open_run",
    "open_text",
    "remove_parts",
    "render_estimators",
    "write_samples",
]
