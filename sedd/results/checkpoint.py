"""Checkpoints: the weights of a run after a number of steps."""

from __future__ import annotations

from sedd.config import (
    AnyExperiment,
    Identity,
    Pretrained,
    training_identity,
)
from sedd.config.identity import WEIGHTS

PATH = "results/runs/{experiment}/checkpoints/step_{step}.pt"
KEYS = WEIGHTS
# which checkpoints there are
TARGETS = ("training.steps", "training.checkpoint_every")


def identity(subject: AnyExperiment) -> Identity:
    """The settings that determine the weights."""
    if isinstance(subject, Pretrained):
        return {"pretrained": subject.pretrained}
    return training_identity(subject)
