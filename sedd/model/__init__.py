"""The transformer over tokens and noise levels, and the EMA of its weights."""

from sedd.model.ema import ExponentialMovingAverage
from sedd.model.transformer import DiffusionTransformer

__all__ = ["DiffusionTransformer", "ExponentialMovingAverage"]
