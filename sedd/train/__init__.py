"""Training: the loop, its state, and the folder that it resumes from."""

from sedd.train.loop import train
from sedd.train.stop import Interrupted

__all__ = ["Interrupted", "train"]
