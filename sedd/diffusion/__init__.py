"""Score entropy discrete diffusion: noise, graphs, loss, samplers. Torch only, plain numbers in."""

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.bound import likelihood_bound
from sedd.diffusion.first_hitting import sample_first_hitting
from sedd.diffusion.graph import Graph
from sedd.diffusion.loss import (
    ScoreEntropyLoss,
    score_entropy_loss,
    weighted_score_entropy,
)
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.noise import Geometric, LogLinear, Noise, sample_times
from sedd.diffusion.sampled import VocabularyDraw, sampled_score_entropy
from sedd.diffusion.samplers import Sampler, sample
from sedd.diffusion.uniform import Uniform

__all__ = [
    "Absorb",
    "Geometric",
    "Graph",
    "LogLinear",
    "Noise",
    "Sampler",
    "ScoreEntropyLoss",
    "ScoreFunction",
    "SplitNetwork",
    "Uniform",
    "VocabularyDraw",
    "likelihood_bound",
    "sample",
    "sample_first_hitting",
    "sample_times",
    "sampled_score_entropy",
    "score_entropy_loss",
    "weighted_score_entropy",
]
