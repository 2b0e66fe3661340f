"""Names that settings choose by: samplers, objectives, graphs, noises, detokenizers. Imports no torch."""

from sedd.registry.detokenizers import DETOKENIZERS, DetokenizerInfo
from sedd.registry.graphs import GRAPHS, GraphInfo
from sedd.registry.noises import NOISES, NoiseInfo
from sedd.registry.objectives import OBJECTIVES, ObjectiveInfo
from sedd.registry.registry import Info, Registry, UnknownNameError
from sedd.registry.samplers import DEFAULT_SAMPLER, SAMPLERS, SamplerInfo

__all__ = [
    "DEFAULT_SAMPLER",
    "DETOKENIZERS",
    "GRAPHS",
    "NOISES",
    "OBJECTIVES",
    "SAMPLERS",
    "DetokenizerInfo",
    "GraphInfo",
    "Info",
    "NoiseInfo",
    "ObjectiveInfo",
    "Registry",
    "SamplerInfo",
    "UnknownNameError",
]
