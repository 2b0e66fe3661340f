"""Section `graph`: the states that a corrupted token can take."""

from __future__ import annotations

from typing import Literal

from sedd.config.base import ConfigModel
from sedd.config.choices import one_of
from sedd.config.sections.objective import needed_by_diffusion
from sedd.registry import GRAPHS


class Graph(ConfigModel):
    """State graph of the diffusion."""

    type: Literal["absorb", "uniform"]
    """absorb: a corrupted token becomes a mask; uniform: it becomes any token of the vocabulary"""


RULES = (needed_by_diffusion("graph", f"type: {one_of(GRAPHS)}"),)
