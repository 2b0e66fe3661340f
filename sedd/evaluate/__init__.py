"""Measurements of a model: perplexity, scores of texts, generative perplexity and MAUVE.

Also the variance of both estimators of the likelihood bound.
"""

from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.checkpoints.open import open_run
from sedd.evaluate.estimators import compare_estimators, estimators_table
from sedd.evaluate.likelihood import measure
from sedd.evaluate.measured_text import open_text
from sedd.runtime.resumable import remove_partial
from sedd.sampling.draw import (
    as_lines,
    draw_requests,
    draw_samples,
    mean_calls,
    with_sampling,
    write_samples,
)
from sedd.sampling.draw_trace import draw_trace

__all__ = [
    "LanguageModel",
    "NetworkModel",
    "as_lines",
    "compare_estimators",
    "draw_requests",
    "draw_samples",
    "draw_trace",
    "estimators_table",
    "mean_calls",
    "measure",
    "open_run",
    "open_text",
    "remove_partial",
    "with_sampling",
    "write_samples",
]
