"""Section `logging`: further destinations of the metrics of a training."""

from __future__ import annotations

from sedd.config.base import ConfigModel
from sedd.config.values import Text


class Logging(ConfigModel):
    """Destinations of the metrics, besides results/runs/NAME/train/ and TensorBoard."""

    wandb: Text | None = None
    """project of Weights & Biases; null: metrics are not sent there"""
