"""Measurements of a model: perplexity, scores of texts, generative perplexity and MAUVE.

Also the variance of both estimators of the likelihood bound.
"""

from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.checkpoints.open import open_language_model
from sedd.evaluate.estimators import compare_estimators, estimators_table
from sedd.evaluate.likelihood import measure
from sedd.evaluate.measured_text import open_text
from sedd.runtime.resumable import only_writer
from sedd.sampling.draw import (
    as_lines,
    draw_requests,
    draw_samples,
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
    "measure",
    "only_writer",
    "open_language_model",
    "open_text",
    "with_sampling",
    "write_samples",
]
