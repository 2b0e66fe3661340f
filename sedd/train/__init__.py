"""Training: the loop, the optimizer step, and the folder that a run resumes from."""

from sedd.train.loop import train
from sedd.train.signals import Interrupted

__all__ = ["Interrupted", "train"]
