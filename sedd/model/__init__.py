"""The score network: a transformer over tokens and a noise level, and the average of its weights."""

from sedd.model.ema import ExponentialMovingAverage
from sedd.model.transformer import DiffusionTransformer

__all__ = ["DiffusionTransformer", "ExponentialMovingAverage"]
