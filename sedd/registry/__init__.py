"""Facts about each sampler, objective, graph, noise, detokenizer and table metric.

A configuration chooses among these names. Never imports torch.
"""

from sedd.registry.detokenizers import DETOKENIZERS, DetokenizerInfo
from sedd.registry.graphs import GRAPHS, GraphInfo
from sedd.registry.metrics import METRICS, MetricInfo
from sedd.registry.noises import NOISES, NoiseInfo
from sedd.registry.objectives import OBJECTIVES, ObjectiveInfo
from sedd.registry.registry import Info, Registry, UnknownNameError
from sedd.registry.samplers import DEFAULT_SAMPLER, SAMPLERS, SHARPENING, SamplerInfo

__all__ = [
    "DEFAULT_SAMPLER",
    "DETOKENIZERS",
    "GRAPHS",
    "METRICS",
    "NOISES",
    "OBJECTIVES",
    "SAMPLERS",
    "SHARPENING",
    "DetokenizerInfo",
    "GraphInfo",
    "Info",
    "MetricInfo",
    "NoiseInfo",
    "ObjectiveInfo",
    "Registry",
    "SamplerInfo",
    "UnknownNameError",
]
