"""Graphs: how a token is corrupted. An implementation is a subclass of `sedd.diffusion.Graph`,
called with `vocab_size`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sedd.registry.registry import Info, Registry


@dataclass(frozen=True, kw_only=True)
class GraphInfo(Info):
    """Facts about a graph."""

    has_mask: bool
    """whether a mask state is added to the vocabulary"""
    usual_noise: str
    """the noise schedule that the paper uses with the graph"""


GRAPHS = Registry(
    "graph",
    {
        "absorb": GraphInfo(
            description="a corrupted token becomes a mask",
            implementation="sedd.diffusion.absorb:Absorb",
            has_mask=True,
            usual_noise="loglinear",
        ),
        "uniform": GraphInfo(
            description="a corrupted token becomes any token of the vocabulary",
            implementation="sedd.diffusion.uniform:Uniform",
            has_mask=False,
            usual_noise="geometric",
        ),
    },
)
