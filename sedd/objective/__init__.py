"""Training objectives, each with a loss, a likelihood or its bound, and samplers."""

from sedd.objective.autoregressive import Autoregressive
from sedd.objective.d3pm import D3PM
from sedd.objective.diffusion import Diffusion
from sedd.objective.lambda_dce import LambdaDCE
from sedd.objective.objective import Corrupted, Drawing, Estimate, NetworkKind, Objective
from sedd.objective.score_entropy import ScoreEntropy

__all__ = [
    "D3PM",
    "Autoregressive",
    "Corrupted",
    "Diffusion",
    "Drawing",
    "Estimate",
    "LambdaDCE",
    "NetworkKind",
    "Objective",
    "ScoreEntropy",
]
