"""The network: a transformer over tokens and noise levels, and the moving average of its weights."""

from sedd.model.ema import ExponentialMovingAverage
from sedd.model.transformer import DiffusionTransformer

__all__ = ["DiffusionTransformer", "ExponentialMovingAverage"]
