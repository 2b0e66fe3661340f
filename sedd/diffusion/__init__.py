"""Score entropy discrete diffusion: noise, graphs and the loss. Torch only; plain numbers in."""

from sedd.diffusion.absorb import Absorb
from sedd.diffusion.graph import Graph
from sedd.diffusion.loss import ScoreEntropyLoss, score_entropy_loss
from sedd.diffusion.network import ScoreFunction, SplitNetwork
from sedd.diffusion.noise import Geometric, LogLinear, Noise, sample_times
from sedd.diffusion.uniform import Uniform

__all__ = [
    "Absorb",
    "Geometric",
    "Graph",
    "LogLinear",
    "Noise",
    "ScoreEntropyLoss",
    "ScoreFunction",
    "SplitNetwork",
    "Uniform",
    "sample_times",
    "score_entropy_loss",
]
