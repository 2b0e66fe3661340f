"""The mathematics of the papers: noise, graphs, losses, bounds and samplers.

Also the autoregressive model, for comparison. Torch only; takes plain numbers, no configuration.
`fast/` computes the same, faster.
"""

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.bound import Estimator, check_given, corrupt_rest, likelihood_bound
from sedd.diffusion.categorical import DrawPrecision
from sedd.diffusion.causal import (
    causal_cross_entropy,
    check_prefix,
    sample_causal,
    sample_left_to_right,
)
from sedd.diffusion.confidence import sample_entropy, sample_margin, sample_max_probability
from sedd.diffusion.d3pm import StepGrid, d3pm_divergence
from sedd.diffusion.denoiser import Denoiser
from sedd.diffusion.denoising import denoising_cross_entropy
from sedd.diffusion.entropy_bound import sample_entropy_bound
from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.fast.sampled import VocabularyDraw, sampled_score_entropy
from sedd.diffusion.first_hitting import sample_first_hitting
from sedd.diffusion.graph import Graph
from sedd.diffusion.grid_samplers import Sampler, sample
from sedd.diffusion.loss import (
    score_entropy_loss,
    weighted_score_entropy,
)
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.noise import Geometric, LogLinear, Noise, sample_times
from sedd.diffusion.remask import sample_remask
from sedd.diffusion.score_shift import score_shift
from sedd.diffusion.uniform import Uniform

__all__ = [
    "Absorb",
    "Denoiser",
    "DrawPrecision",
    "Estimator",
    "Geometric",
    "Graph",
    "LogLinear",
    "Noise",
    "Sampler",
    "ScoreFunction",
    "SplitNetwork",
    "StepGrid",
    "Uniform",
    "VocabularyDraw",
    "causal_cross_entropy",
    "check_given",
    "check_prefix",
    "corrupt_rest",
    "d3pm_divergence",
    "denoising_cross_entropy",
    "likelihood_bound",
    "require_fast_parts",
    "sample",
    "sample_causal",
    "sample_entropy",
    "sample_entropy_bound",
    "sample_first_hitting",
    "sample_left_to_right",
    "sample_margin",
    "sample_max_probability",
    "sample_remask",
    "sample_times",
    "sampled_score_entropy",
    "score_entropy_loss",
    "score_shift",
    "weighted_score_entropy",
]
